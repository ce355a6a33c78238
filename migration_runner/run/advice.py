"""What helps after an error of the server's: whether another try does, and what to do.

By SQLSTATE, and by what is known about the run: the same error has other causes elsewhere.
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migration_runner.errors import (
    DatabaseRejected,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)

# Alembic's own column: `version_num VARCHAR(32)`.
LONGEST_REVISION_ID: Final = 32


@dataclass(frozen=True)
class Situation:
    """Where an error arose.

    `revision` is the one that failed, "" outside of any. `in_catalog`: it is about a row of the
    system catalogs. `shares_transaction`: with revisions before it. `new`: the database had no
    revision when the run began.
    """

    revision: str = ""
    in_catalog: bool = False
    shares_transaction: bool = False
    new: bool = False


@dataclass(frozen=True)
class Advice:
    """What to do, in sentences, and the kind of error, which has the exit code."""

    text: str
    kind: type[MigrationError] = RevisionFailed


_Condition = Callable[[Situation], bool]


def _outside(situation: Situation) -> bool:
    return not situation.revision


def _in_catalog(situation: Situation) -> bool:
    return situation.in_catalog


def _inside(situation: Situation) -> bool:
    return bool(situation.revision)


def _shares_transaction(situation: Situation) -> bool:
    return situation.shares_transaction


def _new(situation: Situation) -> bool:
    return _inside(situation) and situation.new


def _id_too_long(situation: Situation) -> bool:
    return len(situation.revision) > LONGEST_REVISION_ID


_EXISTS: Final = ("42P06", "42P07", "42701", "42710", "42723")
# The first row that fits holds.
_TABLE: Final[tuple[tuple[tuple[str, ...], _Condition, Advice], ...]] = (
    (
        ("55P04", "55006"),
        _shares_transaction,
        Advice(
            "It needs the revisions before it committed, and env.py runs all of them in one"
            " transaction: set MIGRATE_TRANSACTIONS=revision, or pass"
            " transaction_per_migration=True to context.configure()."
        ),
    ),
    (
        _EXISTS,
        _new,
        Advice(
            "The database has it already, but no revision is recorded in it. If the application"
            " has created its tables itself (create_all), record the revision that they correspond"
            " to: migrate stamp REVISION. Then run again."
        ),
    ),
    # Only DDL of two sessions at once gets there: even `IF NOT EXISTS` fails like this.
    (
        ("23505",),
        _in_catalog,
        Advice("Another session created the same at the same moment. Run again.", TemporaryFailure),
    ),
    # Outside of a revision, these are about the role that is set, and the version table.
    (
        ("42501",),
        _outside,
        Advice("Grant the privilege, or set MIGRATE_ROLE.", kind=DatabaseRejected),
    ),
    (
        ("3F000",),
        _outside,
        Advice(
            "Create the version table's schema; if it exists, grant the role USAGE on it, or set"
            " MIGRATE_ROLE.",
            kind=DatabaseRejected,
        ),
    ),
    (
        ("22023",),
        _outside,
        Advice("Correct MIGRATE_ROLE, or create the role.", kind=DatabaseRejected),
    ),
    (
        ("22001",),
        _id_too_long,
        Advice(
            f"Its id is longer than the {LONGEST_REVISION_ID} characters that the version table"
            " takes: give it a shorter one."
        ),
    ),
    (
        ("53100",),
        _inside,
        Advice(
            "The server's disk is full: free space on it, and run again.", kind=TemporaryFailure
        ),
    ),
    (
        ("53200",),
        _inside,
        Advice(
            "The server had no memory for it: raise max_locks_per_transaction if the revision"
            " changes many tables, and run again.",
            kind=TemporaryFailure,
        ),
    ),
    (
        ("53300", "53400", "58000", "58030"),
        _inside,
        Advice("Check the server's log, and run again.", kind=TemporaryFailure),
    ),
    (
        ("42501",),
        _inside,
        Advice("Grant the privilege, or set MIGRATE_ROLE to a role that has it, and run again."),
    ),
)


def find_advice(sqlstate: str | None, situation: Situation) -> Advice | None:
    """Return what helps; None if nothing special is known."""
    for states, fits, advice in _TABLE:
        if sqlstate in states and fits(situation):
            return advice
    return None
