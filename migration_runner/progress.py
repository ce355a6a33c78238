"""Revision by revision: what runs, what is committed, and the events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from migration_runner import events, logs
from migration_runner.clock import Clock, Stopwatch
from migration_runner.history import History
from migration_runner.moves import Direction
from migration_runner.report import AppliedRevision, RunReport

_DONE: Final[dict[Direction, str]] = {
    "upgrade": events.REVISION_APPLIED,
    "downgrade": events.REVISION_UNDONE,
    "stamp": events.REVISION_STAMPED,
}


class Progress:
    """The revisions of one run, told to its report. One is applied only when it is committed."""

    def __init__(
        self, history: History, report: RunReport, clock: Clock, direction: Direction
    ) -> None:
        self.running: str | None = None
        self._history = history
        self._report = report
        self._direction = direction
        self._stopwatch = Stopwatch(clock)
        self._clock = clock
        # Done, but inside a transaction that env.py has yet to commit.
        self._uncommitted: list[AppliedRevision] = []

    @property
    def count(self) -> int:
        """How many revisions are known to be committed."""
        return len(self._report.applied)

    @property
    def uncertain(self) -> list[str]:
        """Those that ran, of which nobody has said yet that they are committed."""
        return [each.revision for each in self._uncommitted] + (
            [self.running] if self.running else []
        )

    def elapsed(self) -> float:
        """Seconds since the running revision began."""
        return self._stopwatch.elapsed()

    def start(self, revision: str, number: int, total: int) -> None:
        """Tell that a revision starts, the `number`th of `total`."""
        self.running = revision
        logs.get_logger().info(
            events.REVISION_STARTED,
            revision=revision,
            description=self._describe(revision),
            number=number,
            of=total,
        )
        self._stopwatch = Stopwatch(self._clock)

    def end(self) -> None:
        """Note that the running revision is through, committed or not."""
        assert self.running is not None  # noqa: S101 - `start` comes first
        self._note(self.running, self._stopwatch.elapsed())
        self.running = None

    def settle(self, heads: Sequence[str], recorded: Mapping[str, float | None] | None) -> None:
        """After a failure, tell what a database at `heads` has of what ran here.

        An env.py can fail after its commit, a revision can commit those before it, and a
        connection can die while it commits. `recorded` are the revisions that this run has in the
        ledger, with their seconds; it is the better witness, since another run can have done the
        rest meanwhile. None: there is no ledger.
        """
        if self.running is not None:
            self.end()
        if recorded is None:
            there = self._history.with_ancestors(heads)
            undo = self._direction == "downgrade"
            kept = [each for each in self._uncommitted if (each.revision in there) != undo]
        else:
            kept = [each for each in self._uncommitted if each.revision in recorded]
            for each in kept:
                seconds = recorded[each.revision]
                each.duration_seconds = each.duration_seconds if seconds is None else seconds
        self._uncommitted = kept
        self.committed()

    def committed(self) -> None:
        """Tell that everything that ended so far is committed, and so applied."""
        for applied in self._uncommitted:
            logs.get_logger().info(
                _DONE[self._direction],
                revision=applied.revision,
                duration_seconds=round(applied.duration_seconds or 0.0, 3),
            )
        self._report.applied += self._uncommitted
        if self._direction == "upgrade":
            revisions = [applied.revision for applied in self._uncommitted]
            self._report.to_revisions = self._history.heads_after(
                self._report.to_revisions or (), revisions
            )
        self._uncommitted = []

    def belied(self, planned: Collection[str], heads: Sequence[str]) -> set[str]:
        """Return those of the planned revisions that a database at `heads` shows not to be done."""
        there = self._history.with_ancestors(heads)
        if self._direction == "upgrade":
            return set(planned) - there
        if self._direction == "downgrade":
            return set(planned) & there
        return set()

    def _note(self, revision: str, seconds: float) -> None:
        self._uncommitted.append(AppliedRevision(revision, self._describe(revision), seconds))

    def _describe(self, revision: str) -> str:
        known = self._history.revisions.get(revision)
        return known.description if known else ""
