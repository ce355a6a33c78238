"""What a run did, told once: the last line of the log and the termination message."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migration_runner import __version__
from migration_runner.clock import Clock, Stopwatch, SystemClock
from migration_runner.database.version_tables import Place, VersionTables, join_heads, name_place
from migration_runner.errors import Interrupted, MigrationError
from migration_runner.log import events, logs
from migration_runner.report.termination import write_termination_message

_INTERNAL_ERROR: Final = 70
# What a run did, in a sentence and in the result.
_VERBS: Final = {
    "upgrade": ("applied", "applied"),
    "downgrade": ("undid", "undone"),
    "stamp": ("stamped", "stamped"),
}


@dataclass
class AppliedRevision:
    """A revision whose transaction was committed by this run; seconds where they are known."""

    revision: str
    description: str
    duration_seconds: float | None
    # Database, schema and name of its version table, where several are worked on.
    place: Place = ()


@dataclass
class RunReport:
    """The facts of one run, gathered while it goes on."""

    run_id: str
    build: str = ""
    clock: Clock = field(default_factory=SystemClock)
    target: str | None = None
    server_version: str | None = None
    database: str | None = None
    from_revisions: Sequence[str] | None = None
    to_revisions: Sequence[str] | None = None
    applied: list[AppliedRevision] = field(default_factory=list)
    waited_for_database_seconds: float = 0.0
    waited_for_run_lock_seconds: float = 0.0
    termination_log: Path | None = None
    direction: str = "upgrade"
    # The command has answered on standard output: only a failure is worth a last line.
    answers: bool = False
    # The sentence for a database that is ahead of the image.
    ahead: str | None = None
    # Somebody else's command was at work, and nobody looks at its database.
    unobserved: bool = False
    # Of several histories each has a report of its own, under its name.
    part_name: str = ""
    parts: list[RunReport] = field(default_factory=list)
    # An env.py can have several version tables, in several databases.
    version_tables: VersionTables = field(default_factory=VersionTables)

    def __post_init__(self) -> None:
        """Start the run's time."""
        self._stopwatch = Stopwatch(self.clock)
        self._finishing = threading.Lock()
        self._conclusion: tuple[str, str] | None = None

    def part(self, name: str) -> RunReport:
        """Return the report of one of several histories; it goes into this one's result."""
        part = RunReport(self.run_id, self.build, self.clock, part_name=name)
        part.target, part.direction = self.target, self.direction
        self.parts.append(part)
        return part

    def note_heads(self, place: Place, heads: Sequence[str]) -> None:
        """Note where a version table is now; the first time is where the run found it."""
        self.version_tables.note(place, heads)
        self._sum_up()

    def begin_anew(self, place: Place) -> None:
        """Take where a version table is now for where the run found it."""
        self.version_tables.begin_anew(place)
        self._sum_up()

    def forget_ends(self) -> None:
        """Note that nobody knows where the version tables are now, until they are asked."""
        self.version_tables.forget_ends()
        self._sum_up()

    def _sum_up(self) -> None:
        self.from_revisions = self.version_tables.beginnings
        self.to_revisions = self.version_tables.ends

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._stopwatch.elapsed()

    def conclude(self, outcome: str, summary: str) -> None:
        """Set the result of a command that applies nothing by its nature."""
        self._conclusion = outcome, summary

    def finish(self, error: BaseException | None = None, *, abandoned: bool = False) -> int:
        """Write the last line and the termination message, and return the exit code.

        Only the first call writes: main thread and signal watcher can meet here.
        """
        self._gather()
        outcome, exit_code = self._judge(error)
        if not self._finishing.acquire(blocking=False):
            return exit_code
        summary = self._summarize(outcome, error)
        if error is None and self.parts and self._conclusion is None:
            summary = " ".join(part.summarize_part() for part in self.parts)
        if abandoned:
            summary += " The server was not waited for: it may still be rolling back."
        facts = self._facts(outcome, exit_code, error)
        if exit_code == _INTERNAL_ERROR and error is not None:
            trace = "".join(traceback.format_exception(error))
            logs.get_logger().error(events.RUN_FAILED, exception=trace)
        if self.termination_log is not None:
            countable = [name for _, name in _VERBS.values()]
            write_termination_message(self.termination_log, summary, facts, countable)
        if not self.answers or error is not None:
            logs.write_last_line(events.RUN_FINISHED, summary=summary, **facts)
        return exit_code

    def _gather(self) -> None:
        """Take over what the parts have found and done."""
        if not self.parts:
            return
        self.applied = [applied for part in self.parts for applied in part.applied]
        reached = [part for part in self.parts if part.from_revisions is not None]
        self.from_revisions = join_heads([part.from_revisions for part in reached])
        self.to_revisions = join_heads([part.to_revisions for part in reached])
        for part in reached:
            self.database, self.server_version = part.database, part.server_version
        self.waited_for_database_seconds = sum(p.waited_for_database_seconds for p in self.parts)
        self.waited_for_run_lock_seconds = sum(p.waited_for_run_lock_seconds for p in self.parts)

    def _judge(self, error: BaseException | None) -> tuple[str, int]:
        if error is None and self._conclusion:
            return self._conclusion[0], 0
        if error is None and self.applied:
            return "applied", 0
        if error is None:
            ahead = self.ahead or any(part.ahead for part in self.parts)
            return ("ahead" if ahead else "up_to_date"), 0
        if isinstance(error, Interrupted):
            return "interrupted", error.exit_code
        if isinstance(error, MigrationError):
            return "failed", error.exit_code
        return "failed", _INTERNAL_ERROR

    def _summarize(self, outcome: str, error: BaseException | None) -> str:
        at = _join(self.to_revisions)
        if error is None and (said := (self._conclusion and self._conclusion[1]) or self.ahead):
            return said
        if outcome == "up_to_date":
            return f"Up to date: the database is at {at}."
        verb, _ = _VERBS[self.direction]
        count = len(self.applied)
        done = f"{count} revision{'' if count == 1 else 's'}" if count else "nothing"
        if outcome == "applied":
            took = f"{self._stopwatch.elapsed():.1f} s"
            return f"{verb.capitalize()} {done} in {took}: {_join(self.from_revisions)} -> {at}."
        state = "The database was not touched."
        if self.from_revisions is not None:
            state = f"This run {verb} {done}; the database is at {at}."
        if self.from_revisions is not None and self.to_revisions is None:
            state = f"This run {verb} {done}; the database could not be asked where it is now."
        if self.unobserved:
            state = "What the command has done to the database is not known here."
        if isinstance(error, Interrupted):
            return f"Interrupted by signal {error.signal_number}. {state} The next run goes on."
        if isinstance(error, MigrationError):
            return f"{error.message} {state}"
        return (
            f"A bug in the migration runner: {type(error).__name__}: {error}. {state}"
            " Please report it with the log."
        )

    def _facts(self, outcome: str, exit_code: int, error: BaseException | None) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "outcome": outcome,
            "exit_code": exit_code,
            "target": self.target,
            "database": self.database,
            "from_revisions": self.from_revisions,
            "to_revisions": self.to_revisions,
            _VERBS[self.direction][1]: [self._describe_applied(each) for each in self.applied],
            "duration_seconds": round(self._stopwatch.elapsed(), 3),
            "waited_for_database_seconds": round(self.waited_for_database_seconds, 3),
            "waited_for_run_lock_seconds": round(self.waited_for_run_lock_seconds, 3),
            "server_version": self.server_version,
            "runner_version": __version__,
            "build": self.build or None,
            "run_id": self.run_id,
        }
        if tables := self.version_tables.describe():
            facts["version_tables"] = tables
        if self.parts:
            facts["histories"] = {part.part_name: part.describe_part() for part in self.parts}
        if error is not None:
            kind = type(error).__name__ if isinstance(error, MigrationError | Interrupted) else None
            details = error.facts if isinstance(error, MigrationError) else {}
            facts["error"] = {"kind": kind or "InternalError", **details}
        return facts

    def _describe_applied(self, applied: AppliedRevision) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "revision": applied.revision,
            "duration_seconds": _round(applied.duration_seconds),
        }
        if self.version_tables.describe():
            facts["version_table"] = name_place(applied.place)
        return facts

    def summarize_part(self) -> str:
        """Return what became of one of several histories, in a sentence."""
        outcome, _ = self._judge(None)
        return f"{self.part_name}: {self._summarize(outcome, None)}"

    def describe_part(self) -> dict[str, Any]:
        """Return what became of one of several histories, for machines."""
        done = _VERBS[self.direction][1]
        return {
            "from_revisions": self.from_revisions,
            "to_revisions": self.to_revisions,
            done: [each.revision for each in self.applied],
        }


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _join(revisions: Sequence[str] | None) -> str:
    return ", ".join(revisions) if revisions else "base"
