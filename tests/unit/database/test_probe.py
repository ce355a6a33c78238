"""Waiting for the database, on a clock of the test's own."""

from __future__ import annotations

from typing import Any, cast

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.database.probe import (
    Connection,
    WaitLimits,
    connect_when_ready,
    connection_parameters,
)
from migration_runner.errors import ConfigError, DatabaseRejected, DatabaseUnavailable
from migration_runner.settings.database_url import DatabaseAddress
from tests.fixtures.clock import FakeClock

REFUSED = 'connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused'
MISSING = 'connection failed: FATAL:  database "shop" does not exist'
CONNECTION = cast("Connection", object())


class _Server:
    """Answers every attempt with the next of these, and the last one from then on."""

    def __init__(self, clock: FakeClock, *answers: str | Connection, seconds: float = 0.0) -> None:
        self.attempts = 0
        self._clock = clock
        self._answers = answers
        self._seconds = seconds

    def connect(self, **_parameters: Any) -> Connection:
        answer = self._answers[min(self.attempts, len(self._answers) - 1)]
        self.attempts += 1
        self._clock.now += self._seconds
        if isinstance(answer, str):
            raise psycopg.OperationalError(answer)
        return answer


def test_connects_at_the_first_attempt() -> None:
    clock = FakeClock()
    server = _Server(clock, CONNECTION)

    assert CONNECTION is connect_when_ready({}, WaitLimits(60, 5), clock, server.connect)

    assert [] == clock.pauses


def test_tries_again_after_pauses_that_may_grow_to_five_seconds() -> None:
    clock = FakeClock()
    server = _Server(clock, *[REFUSED] * 30, CONNECTION)

    connect_when_ready({}, WaitLimits(600, 5), clock, server.connect)

    assert 31 == server.attempts
    limits = [min(0.25 * 2**number, 5.0) for number in range(30)]
    assert all(0 <= pause <= limit for pause, limit in zip(clock.pauses, limits, strict=True))
    assert len(set(clock.pauses)) > 20, "no jitter"


@given(total=st.floats(0.1, 300), attempt=st.floats(0.1, 10), part=st.floats(0, 1))
def test_the_last_attempt_ends_within_the_total(total: float, attempt: float, part: float) -> None:
    """Every attempt takes a part of what the last one is sure to have."""
    clock = FakeClock()
    server = _Server(clock, REFUSED, seconds=part * min(1.0, attempt, total / 4))

    with pytest.raises(DatabaseUnavailable):
        connect_when_ready({}, WaitLimits(total, attempt), clock, server.connect)

    assert clock.now - 1000 <= total + 1e-6
    assert server.attempts >= 2


def test_without_time_there_is_one_attempt() -> None:
    clock = FakeClock()
    server = _Server(clock, REFUSED)

    with pytest.raises(DatabaseUnavailable):
        connect_when_ready({}, WaitLimits(0, 5), clock, server.connect)

    assert 1 == server.attempts


@pytest.mark.parametrize(
    ("detail", "error"),
    [
        ('FATAL:  password authentication failed for user "shop"', DatabaseRejected),
        (MISSING, DatabaseRejected),
        ('invalid connection option "nonsense"', ConfigError),
    ],
)
def test_what_waiting_cannot_help_ends_it_at_once(detail: str, error: type[Exception]) -> None:
    clock = FakeClock()
    server = _Server(clock, REFUSED, detail)

    with pytest.raises(error):
        connect_when_ready({}, WaitLimits(60, 5), clock, server.connect)

    assert 2 == server.attempts


def test_a_missing_database_is_waited_for_when_that_was_asked_for() -> None:
    clock = FakeClock()
    server = _Server(clock, MISSING, CONNECTION)
    limits = WaitLimits(60, 5, missing_database=True)

    assert CONNECTION is connect_when_ready({}, limits, clock, server.connect)


def test_our_parameters_give_way_to_the_urls() -> None:
    address = DatabaseAddress({"tcp_user_timeout": "1", "target_session_attrs": "any"})

    parameters = connection_parameters(address, "migrate 1 host")

    assert "1" == parameters["tcp_user_timeout"]
    assert "any" == parameters["target_session_attrs"]
    assert "migrate 1 host" == parameters["application_name"]
    assert "5" == parameters["keepalives_idle"]
    assert "UTF8" == parameters["client_encoding"]


def test_our_parameters_give_way_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "any")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")

    parameters = connection_parameters(DatabaseAddress(), "")

    assert not {"target_session_attrs", "client_encoding"} & set(parameters)
