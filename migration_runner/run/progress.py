"""Revision by revision: what runs, what is committed, and the events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migration_runner.clock import Clock, Stopwatch
from migration_runner.database.version_tables import Place
from migration_runner.history.history import History
from migration_runner.history.request import Direction
from migration_runner.log import events, logs
from migration_runner.report.report import AppliedRevision, RunReport

_DONE: Final[dict[Direction, str]] = {
    "upgrade": events.REVISION_APPLIED,
    "downgrade": events.REVISION_UNDONE,
    "stamp": events.REVISION_STAMPED,
}


@dataclass(frozen=True)
class _Done:
    """What ran, and whose history it belongs to: an env.py can have several."""

    applied: AppliedRevision
    place: Place


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
        self._place: Place = ()
        # Done, but inside a transaction that env.py has yet to commit.
        self._uncommitted: list[_Done] = []
        # Ran over a session that was lost.
        self._in_doubt: list[_Done] = []
        self._committed: list[_Done] = []
        # Version tables that have to be asked again, since a session was lost.
        self._unasked: set[Place] = set()

    @property
    def count(self) -> int:
        """How many revisions are known to be committed."""
        return len(self._committed)

    def count_at(self, place: Place) -> int:
        """How many of them belong to one version table."""
        return sum(each.place == place for each in self._committed)

    @property
    def open(self) -> list[str]:
        """Those that run or ran over this session, and are not committed yet."""
        return [each.applied.revision for each in self._uncommitted] + (
            [self.running] if self.running else []
        )

    @property
    def first(self) -> bool:
        """Whether nothing that ran before over this session is not committed yet."""
        return not self._uncommitted

    @property
    def uncertain(self) -> list[str]:
        """Those that ran, of which nobody has said yet that they are committed."""
        return [each.applied.revision for each in self._in_doubt] + self.open

    def enter(self, place: Place) -> None:
        """Note whose revisions come now."""
        self._place = place

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
        seconds = self._stopwatch.elapsed()
        applied = AppliedRevision(self.running, self._describe(self.running), seconds, self._place)
        self._uncommitted.append(_Done(applied, self._place))
        self.running = None

    def lose(self) -> None:
        """Note that the session is lost: nothing is certain any more until the database says so."""
        self._doubt()
        self._unasked |= {each.place for each in (*self._in_doubt, *self._committed)}

    def must_ask(self, place: Place) -> bool:
        """Whether a version table has to be asked, since a session was lost."""
        return place in self._unasked

    def settle(
        self,
        heads: Sequence[str],
        recorded: Mapping[str, float | None] | None,
        place: Place,
    ) -> None:
        """After a failure, tell what a database at `heads` has of what ran here.

        An env.py can fail after its commit, a revision can commit those before it, a connection
        can die while it commits, and a standby that takes over can have lost a commit. `recorded`
        are the revisions that this run has in the ledger, with their seconds; it is the better
        witness, since another run can have done the rest meanwhile. None: there is no ledger.
        """
        self._doubt()
        self._unasked.discard(place)
        there = self._history.with_ancestors(heads)

        def has(each: _Done) -> bool:
            revision = each.applied.revision
            if recorded is not None:
                return revision in recorded
            return (revision in there) != (self._direction == "downgrade")

        self._committed = [each for each in self._committed if each.place != place or has(each)]
        self._report.applied = [each.applied for each in self._committed]
        kept = [each for each in self._in_doubt if each.place == place and has(each)]
        self._in_doubt = [each for each in self._in_doubt if each.place != place]
        for each in kept:
            seconds = (recorded or {}).get(each.applied.revision)
            if seconds is not None:
                each.applied.duration_seconds = seconds
        self._tell(kept)

    def committed(self) -> None:
        """Tell that everything that ended so far over this session is committed, and so applied."""
        done, self._uncommitted = self._uncommitted, []
        self._tell(done)

    def _doubt(self) -> None:
        if self.running is not None:
            self.end()
        self._in_doubt += self._uncommitted
        self._uncommitted = []

    def _tell(self, done: Sequence[_Done]) -> None:
        for each in done:
            logs.get_logger().info(
                _DONE[self._direction],
                revision=each.applied.revision,
                duration_seconds=round(each.applied.duration_seconds or 0.0, 3),
            )
        self._committed += done
        self._report.applied += [each.applied for each in done]
        if self._direction == "upgrade":
            for place in {each.place for each in done}:
                revisions = [each.applied.revision for each in done if each.place == place]
                before = self._report.version_tables.end_of(place)
                self._report.note_heads(place, self._history.heads_after(before, revisions))

    def contradicted(self, planned: Collection[str], heads: Sequence[str]) -> set[str]:
        """Return those of the planned revisions that a database at `heads` shows not to be done."""
        there = self._history.with_ancestors(heads)
        if self._direction == "upgrade":
            return set(planned) - there
        if self._direction == "downgrade":
            return set(planned) & there
        return set()

    def _describe(self, revision: str) -> str:
        known = self._history.revisions.get(revision)
        return known.description if known else ""
