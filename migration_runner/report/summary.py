"""What a run did, in a sentence: what happened, the state of the database, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.errors import Interrupted, MigrationError
from migration_runner.report.outcome import judge
from migration_runner.report.report import RunReport

_VERBS: Final = {"upgrade": "applied", "downgrade": "undid", "stamp": "stamped"}


def summarize(
    report: RunReport, outcome: str, error: BaseException | None, *, abandoned: bool = False
) -> str:
    """Return the sentence for people. `abandoned`: nobody waited for the server to roll back."""
    if error is None and report.parts and report.conclusion is None:
        return " ".join(
            f"{part.part_name}: {_summarize(part, judge(part, None)[0], None)}"
            for part in report.parts
        )
    summary = _summarize(report, outcome, error)
    if abandoned:
        summary += " The server was not waited for: it may still be rolling back."
    return summary


def _summarize(report: RunReport, outcome: str, error: BaseException | None) -> str:
    if error is not None:
        return _summarize_failure(report, error)
    if said := (report.conclusion and report.conclusion[1]) or report.ahead:
        return said
    at = _join(report.to_revisions)
    if outcome == "up_to_date":
        return f"Up to date: the database is at {at}."
    verb = _VERBS[report.direction].capitalize()
    way = f"{_join(report.from_revisions)} -> {at}"
    return f"{verb} {_count(report)} in {report.elapsed():.1f} s: {way}."


def _summarize_failure(report: RunReport, error: BaseException) -> str:
    state = _describe_state(report)
    if isinstance(error, Interrupted):
        return f"Interrupted by signal {error.signal_number}. {state} The next run goes on."
    if isinstance(error, MigrationError):
        return f"{error.message} {state}"
    return (
        f"A bug in the migration runner: {type(error).__name__}: {error}. {state}"
        " Please report it with the log."
    )


def _describe_state(report: RunReport) -> str:
    """Return what is known of the database after a failure."""
    if report.unobserved:
        return "What the command has done to the database is not known here."
    if report.from_revisions is None:
        return "The database was not touched."
    done = f"This run {_VERBS[report.direction]} {_count(report)};"
    if report.to_revisions is None:
        return f"{done} the database could not be asked where it is now."
    return f"{done} the database is at {_join(report.to_revisions)}."


def _count(report: RunReport) -> str:
    count = len(report.applied)
    return f"{count} revision{'' if count == 1 else 's'}" if count else "nothing"


def _join(revisions: Sequence[str] | None) -> str:
    return ", ".join(revisions) if revisions else "base"
