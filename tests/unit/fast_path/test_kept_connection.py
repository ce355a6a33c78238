"""The connection that holds the start lock, passed on and closed."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

import pytest

from migration_runner.fast_path import kept_connection
from migration_runner.fast_path.kept_connection import close_kept, keep, pass_on, take_over


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    kept: list[int] = []
    monkeypatch.setattr(kept_connection, "_kept", kept)
    return kept


def test_it_is_passed_on_to_one_interpreter_only(
    kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        keep(ours.fileno())

        option = pass_on()

        assert os.get_inheritable(ours.fileno())
        name, _, number = option.partition("=")
        kept.clear()
        monkeypatch.setitem(sys._xoptions, name, number)  # noqa: SLF001 - the documented place of -X
        assert take_over()
        assert [ours.fileno()] == kept
        assert not os.get_inheritable(ours.fileno())


def test_there_may_be_nothing_to_pass_on(kept: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not take_over()
    option = pass_on()
    monkeypatch.setitem(sys._xoptions, option, True)  # noqa: FBT003, SLF001 - as Python does

    assert take_over()

    assert [] == kept
    assert not close_kept()


def test_it_is_given_up_once_and_the_server_has_ended_it() -> None:
    ours, theirs = socket.socketpair()
    ended: list[str] = []

    def serve() -> None:
        with theirs:
            theirs.sendall(b"something that nobody asked for")
            assert b"" == theirs.recv(1)
            # Time for those who do not wait for it to go wrong.
            time.sleep(0.1)
            ended.append("server")

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    keep(ours.detach())
    given: list[tuple[bool, list[str]]] = []

    def give() -> None:
        given.append((close_kept(), [*ended]))

    threads = [threading.Thread(target=give, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in (*threads, server):
        thread.join(60)

    assert [(False, ["server"]), (True, ["server"])] == sorted(given)
