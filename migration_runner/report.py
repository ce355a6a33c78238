"""What a run did, told once: the last line of the log and the termination message."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migration_runner import __version__, events, logs
from migration_runner.clock import Clock, Stopwatch, SystemClock
from migration_runner.errors import Interrupted, MigrationError

# Kubernetes keeps this much of a termination message, for all containers of a pod 12 KiB.
TERMINATION_MESSAGE_BYTES: Final = 4096
_SENTENCE_BYTES: Final = 2048
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
    place: tuple[str, ...] = ()


@dataclass
class _VersionTable:
    """Where one version table was, and where it is: None where it could not be asked."""

    beginning: Sequence[str]
    end: Sequence[str] | None


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
    unseen: bool = False
    # Of several histories each has a report of its own, under its name.
    part_name: str = ""
    parts: list[RunReport] = field(default_factory=list)
    # An env.py can have several version tables, in several databases.
    version_tables: dict[tuple[str, ...], _VersionTable] = field(default_factory=dict)

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

    def note_beginning(self, place: tuple[str, ...], heads: Sequence[str]) -> None:
        """Note where a version table is, if it is not known yet."""
        self.version_tables.setdefault(place, _VersionTable(heads, heads))
        self._sum_up()

    def begin_anew(self, place: tuple[str, ...]) -> None:
        """Take a version table's last heads for its first: another run has moved it meanwhile."""
        found = self.version_tables[place]
        found.beginning = found.end or ()
        self._sum_up()

    def note_end(self, place: tuple[str, ...], heads: Sequence[str]) -> None:
        """Note where a version table is now."""
        self.version_tables.setdefault(place, _VersionTable(heads, heads)).end = heads
        self._sum_up()

    def end_of(self, place: tuple[str, ...]) -> Sequence[str]:
        """Return where a version table is, as far as it is known."""
        found = self.version_tables.get(place)
        return (found.end if found else None) or ()

    def forget_ends(self) -> None:
        """Note that nobody knows where the version tables are now, until they are asked."""
        for found in self.version_tables.values():
            found.end = None
        self._sum_up()

    def _sum_up(self) -> None:
        tables = list(self.version_tables.values())
        self.from_revisions = _together([each.beginning for each in tables])
        self.to_revisions = _together([each.end for each in tables])

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
        self._write_termination_message(summary, facts)
        if not self.answers or error is not None:
            logs.write_last_line(events.RUN_FINISHED, summary=summary, **facts)
        return exit_code

    def _gather(self) -> None:
        """Take over what the parts have found and done."""
        if not self.parts:
            return
        self.applied = [applied for part in self.parts for applied in part.applied]
        reached = [part for part in self.parts if part.from_revisions is not None]
        self.from_revisions = _together([part.from_revisions for part in reached])
        self.to_revisions = _together([part.to_revisions for part in reached])
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
        if self.unseen:
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
        if len(self.version_tables) > 1:
            facts["version_tables"] = [
                {
                    "version_table": _name_place(place),
                    "from_revisions": found.beginning,
                    "to_revisions": found.end,
                }
                for place, found in self.version_tables.items()
            ]
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
        if len(self.version_tables) > 1:
            facts["version_table"] = _name_place(applied.place)
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

    def _write_termination_message(self, summary: str, facts: dict[str, Any]) -> None:
        if self.termination_log is None:
            return
        message = render_termination_message(logs.redact(summary), facts)
        try:
            # Kubelet makes the file; where it did not, there is nobody to read it.
            with self.termination_log.open("r+b", buffering=0) as file:
                file.truncate()
                file.write(message)
        except OSError as error:
            logs.get_logger().debug(
                events.CLEANUP_FAILED, step="termination_message", detail=str(error)
            )


def render_termination_message(summary: str, facts: dict[str, Any]) -> bytes:
    """Render a sentence for people, then the result for machines, in at most 4,096 bytes."""
    sentence = _shorten(summary, _SENTENCE_BYTES)
    room = TERMINATION_MESSAGE_BYTES - len(sentence) - 2
    counted = {name: len(facts[name]) for _, name in _VERBS.values() if name in facts}
    for smaller in (facts, {**facts, **counted}):
        result = logs.redact(_compact(smaller)).encode()
        if len(result) <= room:
            return sentence + b"\n" + result + b"\n"
    kept = ("outcome", "exit_code", "run_id", "server_version", "runner_version", "build")
    result = logs.redact(_compact({name: facts.get(name) for name in kept})).encode()
    return sentence + b"\n" + (result + b"\n" if len(result) <= room else b"")


def _shorten(text: str, size: int) -> bytes:
    data = text.encode(errors="backslashreplace")
    if len(data) <= size:
        return data
    return data[: size - 3].decode(errors="ignore").encode() + "…".encode()


def _compact(facts: dict[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False, default=str)


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _name_place(place: tuple[str, ...]) -> str:
    """Return `schema.table in database`."""
    database, *names = place
    return f"{'.'.join(name for name in names if name)} in {database}"


def _together(found: Sequence[Sequence[str] | None]) -> list[str] | None:
    """Return everything that was found; None where nothing was, or not everything."""
    if not found or None in found:
        return None
    return [revision for each in found for revision in each or ()]


def _join(revisions: Sequence[str] | None) -> str:
    return ", ".join(revisions) if revisions else "base"
