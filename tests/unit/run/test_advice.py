"""What helps after an error: by its SQLSTATE, and by where it arose."""

from __future__ import annotations

import pytest

from migration_runner.errors import DatabaseRejected, RevisionFailed, TemporaryFailure
from migration_runner.run.advice import Situation, find_advice

RACE = Situation(in_catalog=True)
OUTSIDE = Situation()
REVISION = Situation("r1")
SHARED = Situation("r2", shares_transaction=True)
NEW = Situation("r1", new=True)
LONG = Situation("r" * 33)


@pytest.mark.parametrize(
    ("sqlstate", "situation", "words"),
    [
        ("55P04", SHARED, "MIGRATE_TRANSACTIONS=revision"),
        ("55006", SHARED, "MIGRATE_TRANSACTIONS=revision"),
        ("42P07", NEW, "migrate stamp"),
        ("42710", NEW, "migrate stamp"),
        ("22001", LONG, "32 characters"),
        ("42501", REVISION, "MIGRATE_ROLE"),
    ],
)
def test_another_try_does_not_help(sqlstate: str, situation: Situation, words: str) -> None:
    advice = find_advice(sqlstate, situation)

    assert advice is not None
    assert words in advice.text
    assert RevisionFailed is advice.kind


@pytest.mark.parametrize(
    ("sqlstate", "situation"),
    [
        ("23505", RACE),
        ("53100", REVISION),
        ("53200", REVISION),
        ("58030", REVISION),
    ],
)
def test_another_try_helps(sqlstate: str, situation: Situation) -> None:
    advice = find_advice(sqlstate, situation)

    assert advice is not None
    assert TemporaryFailure is advice.kind


@pytest.mark.parametrize("sqlstate", ["42501", "3F000", "22023"])
def test_the_server_refuses_the_session(sqlstate: str) -> None:
    advice = find_advice(sqlstate, OUTSIDE)

    assert advice is not None
    assert DatabaseRejected is advice.kind


@pytest.mark.parametrize(
    ("sqlstate", "situation"),
    [
        ("55P04", REVISION),
        ("42P07", REVISION),
        ("22001", REVISION),
        # The project's own constraint, and an env.py that creates what is there at every run.
        ("23505", OUTSIDE),
        ("42P06", OUTSIDE),
        (None, REVISION),
    ],
)
def test_nothing_special_is_known(sqlstate: str | None, situation: Situation) -> None:
    assert find_advice(sqlstate, situation) is None
