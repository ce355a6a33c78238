"""Revision by revision: what runs, what is committed, and the events that say so."""

from __future__ import annotations

from collections.abc import Sequence

from migration_runner import events, logs
from migration_runner.clock import Clock, Stopwatch
from migration_runner.history import History
from migration_runner.report import AppliedRevision, RunReport


class Progress:
    """The revisions of one run, told to its report. One is applied only when it is committed."""

    def __init__(self, history: History, report: RunReport, clock: Clock) -> None:
        self.running: str | None = None
        self._history = history
        self._report = report
        self._stopwatch = Stopwatch(clock)
        self._clock = clock
        # Done, but inside a transaction that env.py has yet to commit.
        self._uncommitted: list[AppliedRevision] = []

    def start(self, revision: str, number: int, total: int) -> None:
        """Tell that a revision starts, the `number`th of `total`."""
        self.running = revision
        description = self._history.revisions[revision].description
        logs.get_logger().info(
            events.REVISION_STARTED,
            revision=revision,
            description=description,
            number=number,
            of=total,
        )
        self._stopwatch = Stopwatch(self._clock)

    def settle(self, heads: Sequence[str]) -> None:
        """After a failure, tell those of the revisions that ended that a database at `heads` has.

        An env.py can fail after its commit, and a revision can commit those before it.
        """
        there = self._history.with_ancestors(heads)
        self._uncommitted = [each for each in self._uncommitted if each.revision in there]
        self.committed()

    def end(self) -> None:
        """Note that the running revision is through, committed or not."""
        assert self.running is not None  # noqa: S101 - `start` comes first
        description = self._history.revisions[self.running].description
        elapsed = self._stopwatch.elapsed()
        self._uncommitted.append(AppliedRevision(self.running, description, elapsed))
        self.running = None

    def committed(self) -> None:
        """Tell that everything that ended so far is committed, and so applied."""
        for applied in self._uncommitted:
            logs.get_logger().info(
                events.REVISION_APPLIED,
                revision=applied.revision,
                duration_seconds=round(applied.duration_seconds, 3),
            )
        self._report.applied += self._uncommitted
        self._report.to_revisions = self._history.heads_after(
            self._report.to_revisions or (), [applied.revision for applied in self._uncommitted]
        )
        self._uncommitted = []
