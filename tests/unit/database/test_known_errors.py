"""The table of known errors."""

from __future__ import annotations

import re

import psycopg
import pytest

from migration_runner.database.known_errors import (
    KNOWN_ERRORS,
    KnownError,
    Origin,
    Situation,
    find_known,
)
from migration_runner.errors import DatabaseRejected, RevisionFailed, TemporaryFailure
from migration_runner.run.failures import translate_env_failure
from tests.fixtures.failing_statements import FAILING

STATE = re.compile("[0-9A-Z]{5}")
LOST = [row for row in KNOWN_ERRORS if row.origin is Origin.LOST]


@pytest.mark.parametrize("row", KNOWN_ERRORS)
def test_a_row_can_be_read(row: KnownError) -> None:
    assert row.states or row.text
    assert all(map(STATE.fullmatch, row.states.split()))
    assert re.compile(row.text)
    assert row.advice[0].isupper()
    assert row.advice.endswith(".")


def test_every_row_can_be_found() -> None:
    """No row stands behind one that fits all that it fits."""
    shadowed = []
    general: set[tuple[Origin, str]] = set()
    for row in KNOWN_ERRORS:
        states = {(row.origin, state) for state in row.states.split()}
        if states and states <= general and not row.text:
            shadowed.append(row)
        if row.fits is None:
            general |= states

    assert [] == shadowed


@pytest.mark.parametrize(
    ("situation", "kind"),
    [
        (Situation("r1", in_catalog=True), TemporaryFailure),
        # The project's own constraint.
        (Situation("r1"), RevisionFailed),
    ],
)
def test_the_same_sqlstate_has_several_causes(situation: Situation, kind: type) -> None:
    row = find_known(Origin.REVISION, "23505", situation)

    assert row is not None
    assert kind is row.kind


@pytest.mark.parametrize("state", ["42501", "3F000", "22023"])
def test_the_server_refuses_the_session(state: str) -> None:
    row = find_known(Origin.OUTSIDE, state)

    assert row is not None
    assert DatabaseRejected is row.kind


@pytest.mark.parametrize(
    ("state", "situation"),
    [
        # The project's own constraint.
        ("23505", Situation()),
        # Not the run lock's.
        ("42883", Situation()),
        (None, Situation()),
    ],
)
def test_nothing_is_known_outside_of_revisions(state: str | None, situation: Situation) -> None:
    assert find_known(Origin.OUTSIDE, state, situation) is None


@pytest.mark.parametrize("row", LOST, ids=[row.states for row in LOST])
def test_what_ended_a_session(row: KnownError) -> None:
    error = psycopg.errors.lookup(row.states)("it ended")

    failure = translate_env_failure(error, lost=True)

    assert 75 == failure.exit_code
    assert f"The session was lost: it ended. {row.advice} Run again." == failure.message


# In test_advice.py and test_privileges.py, which need more than a statement.
SEEN_ELSEWHERE = (
    "Another session",
    "another session may have changed",
    "The database has no advisory locks",
    "MIGRATE_ROLE",
    "MIGRATE_TRANSACTIONS=revision",
    "32 characters",
    "the server's log has its error",
)


@pytest.mark.parametrize(
    "row",
    [row for row in KNOWN_ERRORS if row.origin not in (Origin.CONNECTING, Origin.LOST)],
)
def test_a_row_is_seen_on_a_server(row: KnownError) -> None:
    """Rows of connections are seen by their SQLSTATE in test_refusals.py."""
    words = [each.advice for each in FAILING if each.advice and each.state in row.states]

    assert any(each in row.advice for each in (*words, *SEEN_ELSEWHERE))
