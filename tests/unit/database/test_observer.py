"""The observer without a server."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from structlog.testing import capture_logs

from migration_runner.database.observer import ObservedSession, Observer
from migration_runner.database.probe import Connection
from migration_runner.database.watch import watching
from tests.fixtures.clock import FakeClock


def test_that_it_cannot_connect_is_told_once_however_often_it_tries() -> None:
    tries, enough = 0, threading.Event()

    def connect(_parameters: dict[str, str]) -> Connection:
        nonlocal tries
        tries += 1
        if tries == 4:
            enough.set()
        message = 'FATAL: too many connections for role "shop"'
        raise psycopg.OperationalError(message)

    cut: list[str] = []
    session = ObservedSession(None, 7, lambda: cut.append("cut"), {"host": "db"})
    # No heartbeat is due, however long it takes.
    observer = Observer(connect, heartbeat=3600.0, ddl_lock_timeout=0.05, patience=5.0)
    observer.work_on(session)

    with capture_logs() as logs, watching(observer, session):
        observer.begin("r1")
        assert enough.wait(60)
        observer.end()

    assert ["observer_unavailable"] == [line["event"] for line in logs]
    assert "too_many_connections" == logs[0]["reason"]
    assert [] == cut
    assert [] == list(observer.blockers)


def test_no_connection_is_opened_for_revisions_that_are_through_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are: what is asked about each costs more than the revision."""
    clock = _CountedClock()
    for module in ("watch", "observer"):
        monkeypatch.setattr(f"migration_runner.database.{module}.time", clock)
    connected = threading.Event()

    def connect(_parameters: dict[str, str]) -> Connection:
        connected.set()
        raise psycopg.OperationalError

    session = ObservedSession(None, 7, lambda: None, {"host": "db"})
    observer = Observer(connect, heartbeat=10.0, ddl_lock_timeout=0.0, patience=60.0)
    observer.work_on(session)
    with watching(observer, session):
        # Each look finds one that has only begun.
        for number in range(3):
            observer.begin(f"r{number}")
            clock.wait_for_a_look()
        assert not connected.is_set()
        clock.now += 1.0
        assert connected.wait(60)


class _CountedClock(FakeClock):
    """Stands still, and knows when the watch has looked at it."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = threading.Semaphore(0)

    def monotonic(self) -> float:
        """Return the time."""
        if threading.current_thread().name == "observer":
            self._looks.release()
        return self.now

    def wait_for_a_look(self) -> None:
        """Return when the watch has looked once from beginning to end."""
        while self._looks.acquire(blocking=False):
            pass
        # What has begun now may have been too late for the one that is under way.
        for _ in range(2):
            assert self._looks.acquire(timeout=60)


@pytest.mark.parametrize("parameters", [{"host": "db"}, None], ids=["refused", "unknown"])
def test_a_heartbeat_comes_also_if_the_server_cannot_be_asked(
    parameters: dict[str, str] | None,
) -> None:
    def connect(_parameters: dict[str, str]) -> Connection:
        message = 'FATAL: too many connections for role "shop"'
        raise psycopg.OperationalError(message)

    session = ObservedSession(None, 7, lambda: None, parameters)
    observer = Observer(connect, heartbeat=0.01, ddl_lock_timeout=0.05, patience=5.0)
    observer.work_on(session)

    with capture_logs() as logs, watching(observer, session):
        observer.begin("r1")
        deadline = time.monotonic() + 60
        while "revision_running" not in [line["event"] for line in logs]:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    told = next(line for line in logs if line["event"] == "revision_running")
    assert ("r1", None, None, []) == (
        told["revision"],
        told["state"],
        told["waiting_behind"],
        told["blockers"],
    )
