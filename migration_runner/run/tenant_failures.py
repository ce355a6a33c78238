"""The version tables on which a run has failed, if it goes on with the others.

With `MIGRATE_ON_TENANT_FAILURE=continue`. Where that is possible, env.py does not see such a
failure: its `context.run_migrations()` returns, rolled back, and its loop goes on with the next
tenant. Where the failure ends env.py (at a COMMIT, or in a transaction with other tenants), another
attempt leaves the failed ones out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, TypeGuard

from migration_runner.database.session_errors import SESSION_LOST
from migration_runner.database.version_tables import Place, name_place
from migration_runner.errors import (
    DatabaseRejected,
    HistoryError,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)
from migration_runner.log import events, logs
from migration_runner.log.bounds import shorten
from migration_runner.log.counts import count_of
from migration_runner.report.report import RunReport
from migration_runner.report.several import name_places

# From the worst: first what another run does not help against.
_WORST_FIRST: Final = (RevisionFailed, HistoryError, DatabaseRejected, TemporaryFailure)
# Out of disk, memory or connections, and the like: the next tenant would not fare better.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SERVERS: Final = ("53", "57", "58", "XX")
_KINDS: Final = 3
_LONGEST_REASON: Final = 300


class TenantFailures:
    """The failures of one run, by version table."""

    def __init__(self, report: RunReport) -> None:
        self._report = report

    @property
    def places(self) -> Collection[Place]:
        """The version tables that have failed."""
        return self._report.failed.keys()

    def add(self, place: Place, failure: MigrationError) -> None:
        """Record and log a failure."""
        self._report.failed[place] = failure
        logs.get_logger().error(
            events.TENANT_FAILED,
            version_table=name_place(place),
            kind=type(failure).__name__,
            reason=failure.facts.get("reason"),
            revision=failure.facts.get("revision"),
            detail=failure.message,
        )

    def raise_worst(self) -> None:
        """Raise the error that the run ends with, if there is one.

        It has the kind, and so the exit code, of the worst failure.
        """
        failures = self._report.failed
        if not failures:
            return
        if len(failures) == 1:
            raise next(iter(failures.values()))
        worst = min(failures.values(), key=_badness)
        tables = count_of(self._report.version_tables.count, "version table")
        facts: dict[str, Any] = {"reason": "tenants_failed", "failed": len(failures)}
        message = (
            f"{len(failures)} of {tables} failed: {name_places(failures)}."
            f" {_describe(failures.values())}"
        )
        raise type(worst)(message, **facts) from worst


def is_tenants_own(failure: BaseException) -> TypeGuard[MigrationError]:
    """Whether a failure is one version table's, and not the server's end, a signal or a setting."""
    if not isinstance(failure, _WORST_FIRST) or failure.facts.get("reason") == SESSION_LOST:
        return False
    return not str(failure.facts.get("sqlstate", "")).startswith(_SERVERS)


def name_tenant(failure: MigrationError, named: dict[str, str]) -> None:
    """Let a failure tell its version table, which is `named` if there is another one."""
    if named and "version_table" not in failure.facts:
        failure.message = f"{named['version_table']}: {failure.message}"
        failure.facts |= named


def _describe(failures: Iterable[MigrationError]) -> str:
    """Return the first failure of each kind, and how many there are like it."""
    alike: dict[tuple[Any, ...], list[MigrationError]] = {}
    for each in failures:
        what = type(each), each.facts.get("revision"), each.facts.get("reason")
        alike.setdefault(what, []).append(each)
    said = [
        (f"{len(each)} like this one: " if len(each) > 1 else "")
        + shorten(each[0].message, _LONGEST_REASON)
        for each in list(alike.values())[:_KINDS]
    ]
    if len(alike) > _KINDS:
        said.append(f"The log has all of them ({events.TENANT_FAILED}).")
    return " ".join(said)


def _badness(failure: MigrationError) -> int:
    return next(rank for rank, kind in enumerate(_WORST_FIRST) if isinstance(failure, kind))
