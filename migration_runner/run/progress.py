"""The progress of a run: which revision runs, which are committed, and the events for both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from migration_runner.clock import Clock, Stopwatch
from migration_runner.database.version_tables import Place, name_place
from migration_runner.history.history import History
from migration_runner.history.request import Direction
from migration_runner.log import events, logs
from migration_runner.report.report import AppliedRevision, RunReport

# Schema and name.
_USUAL: Final = ("public", "alembic_version")
_DONE: Final[dict[Direction, str]] = {
    "upgrade": events.REVISION_APPLIED,
    "downgrade": events.REVISION_UNDONE,
    "stamp": events.REVISION_STAMPED,
}


class Progress:
    """The revisions of one run. They are reported as applied once they are committed."""

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
        self._first: Place = ()
        # Done, but in a transaction that env.py has not committed yet.
        self._uncommitted: list[AppliedRevision] = []
        # They ran over a session that was lost.
        self._in_doubt: list[AppliedRevision] = []
        # By version table: an env.py can have thousands.
        self._committed: dict[Place, list[AppliedRevision]] = {}
        self._count = 0
        # Version tables that have to be read again, since a session was lost.
        self._unchecked: set[Place] = set()

    @property
    def count(self) -> int:
        """The number of revisions that are known to be committed."""
        return self._count

    def count_at(self, place: Place) -> int:
        """Return how many of them belong to one version table."""
        return len(self._committed.get(place, ()))

    @property
    def open(self) -> list[str]:
        """The revisions that run or ran over this session, and are not committed yet."""
        return [each.revision for each in self._uncommitted] + (
            [self.running] if self.running else []
        )

    @property
    def first(self) -> bool:
        """Whether everything that ran before over this session is committed."""
        return not self._uncommitted

    @property
    def uncertain(self) -> list[str]:
        """The revisions that ran, but are not known to be committed."""
        return [each.revision for each in self._in_doubt] + self.open

    def enter(self, place: Place) -> None:
        """Set the version table of the next revisions."""
        self._first = self._first or place
        self._place = place

    def name(self, place: Place | None = None) -> dict[str, str]:
        """Return the version table as a fact, of the next revisions by default.

        Empty where there is nothing to tell apart: the first one, with Alembic's own name.
        """
        place = self._place if place is None else place
        usual = not place or (place == self._first and place[1:] == _USUAL)
        return {} if usual else {"version_table": name_place(place)}

    def elapsed(self) -> float:
        """Return the seconds since the running revision began."""
        return self._stopwatch.elapsed()

    def start(self, revision: str, number: int, total: int) -> None:
        """Log that a revision starts, the `number`th of `total`."""
        self.running = revision
        logs.get_logger().info(
            events.REVISION_STARTED,
            revision=revision,
            description=self._describe(revision),
            number=number,
            of=total,
            **self.name(),
        )
        self._stopwatch = Stopwatch(self._clock)

    def end(self) -> None:
        """Record that the running revision has ended, committed or not."""
        assert self.running is not None  # noqa: S101 - `start` comes first
        seconds = self._stopwatch.elapsed()
        self._uncommitted.append(
            AppliedRevision(self.running, self._describe(self.running), seconds, self._place)
        )
        self.running = None

    def session_lost(self) -> None:
        """Record that the session is lost: everything is in doubt until the database is read."""
        self._doubt()
        self._unchecked |= {*self._committed, *(each.place for each in self._in_doubt)}

    def doubt(self, place: Place) -> None:
        """Record that what ran last is in doubt until its version table is read."""
        self._doubt()
        self._unchecked.add(place)

    def shares_transaction(self, place: Place) -> bool:
        """Whether revisions of other version tables are not committed either."""
        return any(each.place != place for each in self._uncommitted)

    def must_check(self, place: Place) -> bool:
        """Whether a version table has to be read again, since a session was lost."""
        return place in self._unchecked

    def settle(
        self,
        heads: Sequence[str],
        recorded: Mapping[str, float | None] | None,
        place: Place,
    ) -> None:
        """After a failure, determine what of this run a database at `heads` has.

        env.py can fail after its commit, a revision can commit those before it, a connection can
        break during a commit, and a promoted standby can have lost a commit. `recorded` are the
        revisions that this run has in the ledger, with durations, None without a ledger; it takes
        precedence over the heads, since another run can have done the rest in the meantime.
        """
        self._doubt()
        self._unchecked.discard(place)
        contained = self._history.with_ancestors(heads)

        def has(each: AppliedRevision) -> bool:
            if recorded is not None:
                return each.revision in recorded
            return (each.revision in contained) != (self._direction == "downgrade")

        committed = self._committed.get(place, [])
        kept = [each for each in committed if has(each)]
        if len(kept) < len(committed):
            self._committed[place] = kept
            # A standby that was promoted, or a dump, does not have them.
            self._count -= len(committed) - len(kept)
            self._report.applied = [each for some in self._committed.values() for each in some]
        found = [each for each in self._in_doubt if each.place == place and has(each)]
        self._in_doubt = [each for each in self._in_doubt if each.place != place]
        for each in found:
            seconds = (recorded or {}).get(each.revision)
            if seconds is not None:
                each.duration_seconds = seconds
        self._report_committed(found)

    def committed(self) -> None:
        """Report everything that has ended over this session as committed, and so as applied."""
        done, self._uncommitted = self._uncommitted, []
        self._report_committed(done)

    def _doubt(self) -> None:
        if self.running is not None:
            self.end()
        self._in_doubt += self._uncommitted
        self._uncommitted = []

    def _report_committed(self, done: Sequence[AppliedRevision]) -> None:
        by_place: dict[Place, list[str]] = {}
        for each in done:
            logs.get_logger().info(
                _DONE[self._direction],
                revision=each.revision,
                duration_seconds=round(each.duration_seconds or 0.0, 3),
                **self.name(each.place),
            )
            self._committed.setdefault(each.place, []).append(each)
            by_place.setdefault(each.place, []).append(each.revision)
        self._count += len(done)
        self._report.applied += done
        if self._direction == "upgrade":
            for place, revisions in by_place.items():
                before = self._report.version_tables.end_of(place)
                self._report.note_heads(place, self._history.heads_after(before, revisions))

    def contradicted(self, planned: Collection[str], heads: Sequence[str]) -> set[str]:
        """Return the planned revisions that, by the database's `heads`, were not carried out."""
        contained = self._history.with_ancestors(heads)
        if self._direction == "upgrade":
            return set(planned) - contained
        if self._direction == "downgrade":
            return set(planned) & contained
        return set()

    def _describe(self, revision: str) -> str:
        known = self._history.revisions.get(revision)
        return known.description if known else ""
