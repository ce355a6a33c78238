"""What a run has found and done so far, collected while it runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from migration_runner.clock import Clock, Stopwatch, SystemClock
from migration_runner.database.version_tables import Place, VersionTables, join_heads
from migration_runner.errors import MigrationError


@dataclass(slots=True)
class AppliedRevision:
    """A revision whose transaction this run has committed; seconds if they are known.

    `place` is its version table's.
    """

    revision: str
    description: str
    duration_seconds: float | None
    place: Place = ()


class FleetReport(Protocol):
    """What a fleet has done until now: in a sentence, and as facts."""

    def sentence(self) -> str: ...  # noqa: D102 - as the class says

    def facts(self) -> dict[str, Any]: ...  # noqa: D102 - as the class says


@dataclass
class RunReport:
    """The facts of one run.

    `outcome` derives the exit code from them, `summary` a sentence, `result` the JSON, and `finish`
    writes them.
    """

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
    # Standard output is for the command's answer: there is a last line only after a failure.
    prints_answer: bool = False
    # The sentence for a database that is ahead of the image.
    ahead: str | None = None
    # Outcome and sentence of a command that never applies revisions.
    conclusion: tuple[str, str] | None = None
    # Another tool's command ran, and its database is not checked.
    unobserved: bool = False
    # It has changed the heads; which revisions it has applied or undone is not known.
    unlisted: bool = False
    # Each of several histories has its own report, with its name.
    part_name: str = ""
    parts: list[RunReport] = field(default_factory=list)
    # Many databases, each with a run and a report of its own.
    fleet: FleetReport | None = None
    # An env.py can have several version tables, in several databases.
    version_tables: VersionTables = field(default_factory=VersionTables)
    # What became of each with which the run is done; and those on which it has failed.
    outcomes: dict[Place, str] = field(default_factory=dict)
    failed: dict[Place, MigrationError] = field(default_factory=dict)
    # What the thread that writes the end has written.
    exit_code: int | None = None
    # Held, for good, by the thread that writes the end.
    finishing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Start measuring the run's duration."""
        self._stopwatch = Stopwatch(self.clock)
        # Of one of several histories: they are prepared together, and carried out in turn.
        self._seconds: float | None = None

    def part(self, name: str) -> RunReport:
        """Return the report of one of several histories, which becomes part of this one."""
        part = RunReport(self.run_id, self.build, self.clock, part_name=name)
        part.target, part.direction = self.target, self.direction
        # Until it is its turn.
        part._seconds = 0.0
        self.parts.append(part)
        return part

    def note_heads(self, place: Place, heads: Sequence[str]) -> None:
        """Record a version table's heads; the first ones are where the run found it."""
        self.version_tables.note(place, heads)
        self._sum_up()

    def reset_beginning(self, place: Place) -> None:
        """Make a version table's current heads those where the run found it."""
        self.version_tables.reset_beginning(place)
        self._sum_up()

    def forget_heads(self, place: Place) -> None:
        """Discard all that was read from a version table: it is not what the database has."""
        self.version_tables.forget(place)
        self._sum_up()

    def forget_end(self, place: Place) -> None:
        """Discard a version table's current heads: they are unknown until read again."""
        self.version_tables.forget_end(place)
        self._sum_up()

    def forget_ends(self) -> None:
        """Discard the version tables' current heads: they are unknown until read again."""
        self.version_tables.forget_ends()
        self._sum_up()

    def _sum_up(self) -> None:
        self.from_revisions = self.version_tables.beginnings
        self.to_revisions = self.version_tables.ends

    def elapsed(self) -> float:
        """Return the seconds since the run began; of one of several histories, its own."""
        return self._stopwatch.elapsed() if self._seconds is None else self._seconds

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Measure one of several histories while it is carried out."""
        if not self.part_name:
            yield
            return
        self._stopwatch = Stopwatch(self.clock)
        try:
            yield
        finally:
            self._seconds = self._stopwatch.elapsed()

    def gather_parts(self) -> None:
        """Take over the facts of the parts."""
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
