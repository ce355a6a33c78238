"""The protocol between a fleet and its worker, without a database."""

from __future__ import annotations

import socket

import pytest

from migration_runner.fleet.processes import Processes
from migration_runner.fleet.targets import Target

REQUESTS = 24
_socketpair = socket.socketpair


def _narrow(family: int, kind: int) -> tuple[socket.socket, socket.socket]:
    """Return a pair whose buffers hold a few messages: the kernel has a least size."""
    pair = _socketpair(family, kind)
    for each in pair:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    return pair


def test_neither_waits_for_the_other_while_both_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the default buffers and hundreds of jobs."""
    monkeypatch.setattr(socket, "socketpair", _narrow)
    processes = Processes(lambda _target, _facts: None)
    names = [f"target{number:02}" for number in range(REQUESTS)]
    for name in names:
        processes.start(Target(name, url="x"), ["--version"], {})
    ended: list[str] = []
    while processes.running:
        ended += [process.target.name for process in processes.wait()]
    processes.close()

    assert names == sorted(ended)
