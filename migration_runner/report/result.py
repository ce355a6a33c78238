"""What a run did, for machines: the facts of `run_finished` and of the termination message."""

from __future__ import annotations

from typing import Any, Final

from migration_runner import __version__
from migration_runner.database.version_tables import name_place
from migration_runner.errors import Interrupted, MigrationError
from migration_runner.report.report import AppliedRevision, RunReport

_DONE: Final = {"upgrade": "applied", "downgrade": "undone", "stamp": "stamped"}
# The lists that a short message has as numbers.
COUNTABLE: Final = tuple(_DONE.values())


# What a fleet does not have: each of its targets has its own.
_OF_ONE: Final = (
    *("database", "from_revisions", "to_revisions", "applied", "server_version"),
    *("waited_for_database_seconds", "waited_for_run_lock_seconds"),
)


def describe_result(
    report: RunReport, outcome: str, exit_code: int, error: BaseException | None
) -> dict[str, Any]:
    """Return the facts of a run that ended."""
    facts: dict[str, Any] = {
        "outcome": outcome,
        "exit_code": exit_code,
        "target": report.target,
        "database": report.database,
        "from_revisions": report.from_revisions,
        "to_revisions": report.to_revisions,
        _DONE[report.direction]: [_describe_applied(report, each) for each in report.applied],
        "duration_seconds": round(report.elapsed(), 3),
        "waited_for_database_seconds": round(report.waited_for_database_seconds, 3),
        "waited_for_run_lock_seconds": round(report.waited_for_run_lock_seconds, 3),
        "server_version": report.server_version,
        "runner_version": __version__,
        "build": report.build or None,
        "run_id": report.run_id,
    }
    if report.fleet is not None:
        for name in _OF_ONE:
            facts.pop(name, None)
        facts["fleet"] = report.fleet.facts
    if tables := report.version_tables.describe():
        facts["version_tables"] = tables
    if report.parts:
        facts["histories"] = {part.part_name: _describe_part(part) for part in report.parts}
    if error is not None:
        facts["error"] = _describe_error(error)
    return facts


def _describe_applied(report: RunReport, applied: AppliedRevision) -> dict[str, Any]:
    seconds = applied.duration_seconds
    facts: dict[str, Any] = {
        "revision": applied.revision,
        "duration_seconds": None if seconds is None else round(seconds, 3),
    }
    if report.version_tables.describe():
        facts["version_table"] = name_place(applied.place)
    return facts


def _describe_part(part: RunReport) -> dict[str, Any]:
    return {
        "from_revisions": part.from_revisions,
        "to_revisions": part.to_revisions,
        _DONE[part.direction]: [each.revision for each in part.applied],
        "duration_seconds": round(part.elapsed(), 3),
    }


def _describe_error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MigrationError):
        return {"kind": type(error).__name__, **error.facts}
    known = isinstance(error, Interrupted)
    return {"kind": type(error).__name__ if known else "InternalError"}
