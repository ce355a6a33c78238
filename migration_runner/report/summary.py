"""What a run did, in a sentence: what happened, the state of the database, what to do."""

from __future__ import annotations

import signal
from typing import Final

from migration_runner.errors import Interrupted, MigrationError
from migration_runner.log.counts import count_of
from migration_runner.report.outcome import judge
from migration_runner.report.report import RunReport
from migration_runner.report.several import (
    describe_failed,
    describe_places,
    describe_success,
    name_heads,
)

_VERBS: Final = {"upgrade": "applied", "downgrade": "undid", "stamp": "stamped"}
_SIGNALS: Final[dict[int, str]] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_INTERNAL: Final = "Internal error, a bug in the migration runner: {}: {}."
_NOTHING: Final = {
    "upgrade": "Nothing was applied;",
    "downgrade": "Nothing was undone;",
    "stamp": "The version table was not changed;",
}


def summarize(
    report: RunReport, outcome: str, error: BaseException | None, *, abandoned: bool = False
) -> str:
    """Return the sentence. `abandoned`: the run ends before the server has rolled back."""
    if report.fleet is not None:
        summary = _summarize_fleet(report.fleet.sentence(), error)
        return f"{summary} Some targets may still be rolling back." if abandoned else summary
    if error is None and report.parts and report.conclusion is None:
        return " ".join(
            f"{part.part_name}: {_summarize(part, judge(part, None)[0], None)}"
            for part in report.parts
        )
    summary = _summarize(report, outcome, error)
    if abandoned:
        summary += " The server may still be rolling back."
    return summary


def _summarize(report: RunReport, outcome: str, error: BaseException | None) -> str:
    if error is not None:
        return _summarize_failure(report, error)
    if report.conclusion:
        return report.conclusion[1]
    return _summarize_success(report, outcome)


def _summarize_success(report: RunReport, outcome: str) -> str:
    if report.version_tables.several and not report.unlisted and report.direction != "stamp":
        return describe_success(report, _VERBS[report.direction].capitalize(), outcome)
    if report.ahead:
        return report.ahead
    before, at = name_heads(report.from_revisions), name_heads(report.to_revisions)
    if report.unlisted:
        return f"The command succeeded in {report.elapsed():.1f} s: {before} -> {at}."
    if outcome == "up_to_date":
        return f"Up to date: the database is at {at}."
    if report.direction == "stamp":
        return f"Version table set to {at} (was {before})."
    verb = _VERBS[report.direction].capitalize()
    return f"{verb} {_count(report)} in {report.elapsed():.1f} s: {before} -> {at}."


def _summarize_fleet(sentence: str, error: BaseException | None) -> str:
    if isinstance(error, Interrupted):
        return f"Interrupted ({_name_signal(error)}). {sentence}"
    if error is None or str(error) == sentence:
        return sentence
    if isinstance(error, MigrationError):
        return f"{error.message} {sentence}"
    return f"{_INTERNAL.format(type(error).__name__, error)} {sentence}"


def _name_signal(error: Interrupted) -> str:
    return _SIGNALS.get(error.signal_number, f"signal {error.signal_number}")


def _summarize_failure(report: RunReport, error: BaseException) -> str:
    state = _describe_state(report)
    if isinstance(error, Interrupted):
        name = _name_signal(error)
        failed = describe_failed(report)
        # What only answers a question has nothing to continue.
        onward = "" if report.prints_answer else " The next run continues from there."
        return f"Interrupted ({name}). {state}{failed}{onward}"
    if isinstance(error, MigrationError):
        # What only answers a question leaves the database as it is.
        if report.prints_answer:
            return error.message
        ours = error in report.failed.values() or error.facts.get("reason") == "tenants_failed"
        return f"{error.message} {state}{'' if ours else describe_failed(report)}"
    return f"{_INTERNAL.format(type(error).__name__, error)} {state} Please report it with the log."


def _describe_state(report: RunReport) -> str:
    """Describe the database after a failure, as far as it is known."""
    if report.unobserved:
        return "What the command did to the database is not known."
    if report.from_revisions is None:
        return "The database was not touched."
    if report.unlisted and report.to_revisions is not None:
        before, at = name_heads(report.from_revisions), name_heads(report.to_revisions)
        return f"The database was at {before}; it is at {at}."
    done = f"This run {_VERBS[report.direction]} {_count(report)};"
    if not report.applied:
        done = _NOTHING[report.direction]
    if report.version_tables.several:
        return f"{done} {describe_places(report)}"
    if report.to_revisions is None:
        return f"{done} the database's current revision could not be read."
    return f"{done} the database is at {name_heads(report.to_revisions)}."


def _count(report: RunReport) -> str:
    return count_of(len(report.applied), "revision")
