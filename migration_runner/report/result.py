"""What a run did, for machines: the facts of `run_finished` and of the termination message."""

from __future__ import annotations

from typing import Any, Final

from migration_runner import __version__
from migration_runner.errors import Interrupted, MigrationError
from migration_runner.report.report import RunReport
from migration_runner.report.several import (
    DONE,
    describe_applied,
    describe_tables,
    list_heads,
)

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
        "from_revisions": list_heads(report, report.from_revisions),
        "to_revisions": list_heads(report, report.to_revisions),
        DONE[report.direction]: describe_applied(report),
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
        facts["fleet"] = report.fleet.facts()
    facts |= describe_tables(report)
    if report.parts:
        facts["histories"] = {part.part_name: _describe_part(part) for part in report.parts}
    if error is not None:
        facts["error"] = _describe_error(error)
    return facts


def count_applied(report: RunReport) -> dict[str, int]:
    """Return the number of revisions, in place of their list, for a short message."""
    return {} if report.fleet else {DONE[report.direction]: len(report.applied)}


def _describe_part(part: RunReport) -> dict[str, Any]:
    return {
        "from_revisions": list_heads(part, part.from_revisions),
        "to_revisions": list_heads(part, part.to_revisions),
        DONE[part.direction]: list(dict.fromkeys(each.revision for each in part.applied)),
        "duration_seconds": round(part.elapsed(), 3),
        **describe_tables(part),
    }


def _describe_error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MigrationError):
        return {"kind": type(error).__name__, **error.facts}
    known = isinstance(error, Interrupted)
    return {"kind": type(error).__name__ if known else "InternalError"}
