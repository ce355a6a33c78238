"""One call of `context.configure()` in env.py: its version table, and a run's work on it.

Most env.py call it once, some for each schema or tenant.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy

from migration_runner.database.statements import roll_back
from migration_runner.database.version_tables import VersionChange
from migration_runner.errors import RevisionFailed
from migration_runner.history.request import CompletedStep, PlannedStep
from migration_runner.report.several import DONE
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.failures import FailedRevision
from migration_runner.run.limits import report_replaced_limits
from migration_runner.run.revision_checks import RevisionChecks


class ConfiguredTable:
    """A version table that env.py has configured, and the connection to it."""

    def __init__(self, run: RunContext, state: DatabaseState) -> None:
        self.state = state
        # Whether the run's request is carried out on it.
        self.applies = False
        self._run = run
        self._progress = run.progress
        self._checks = RevisionChecks(run, state)
        self._settings_are_due = True
        self._planned: list[str] = []
        # The transaction in which the last step was written.
        self._wrote_in: object = None

    def begin(self, decide: Decide) -> None:
        """Decide what to do, before Alembic reads the heads."""
        state = self.state
        self.applies = decide(state)
        self._run.outages.end()
        self._progress.enter(state.location)
        if self._progress.must_check(state.location):
            self._progress.settle(state.heads(), state.recorded(), state.location)
        if self.applies:
            report_replaced_limits(self._run, state.session.replaced_limits)
            self._checks.start()
        else:
            state.context.change_nothing()
            self._note_outcome()

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Yield the steps to Alembic; control returns when a revision's transaction has ended."""
        if not self.applies:
            return
        steps = plan()
        if not self._run.frozen:
            # What is loaded by now stays: the garbage collector need not search it again and again.
            # Only once: what a version table leaves behind is garbage, and env.py can have
            # thousands.
            gc.freeze()
            self._run.frozen = True
        self._planned = [planned.revision for planned in steps]
        for number, planned in enumerate(steps, 1):
            if self._settings_are_due:
                self.state.session.apply_settings()
            self._settings_are_due = True
            planned.guard(self._checks.around(planned.revision))
            self._progress.start(planned.revision, number, len(steps))
            yield planned
            self._progress.end()
            # Otherwise it has to be committed, which can take as long as the revision.
            if not self.state.session.in_transaction:
                self._run.observer.end()
                self._progress.committed()

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Write the step to the version table and the ledger at once, in its own transaction."""
        self._wrote_in = self.state.session.connection.get_transaction()
        if step.direction == "stamp":
            return False
        along = self._checks.statements
        # Setting the role before COMMIT would change it for deferred triggers.
        settings = last and not self._run.settings.role
        if settings:
            along.append(self.state.session.settings_statement)
        written = self.state.write_step(step, change, self._progress.elapsed(), along)
        if written:
            self._settings_are_due = not settings
        else:
            self._checks.check()
        return written

    def completed(self, step: CompletedStep) -> None:
        """Write the step to the ledger, in its own transaction."""
        self._wrote_in = self.state.session.connection.get_transaction()
        self._checks.check()
        self.state.ledger.record(step.direction, step.revisions, self._progress.elapsed())

    def leave(self, following: sqlalchemy.Connection) -> bool:
        """Before env.py configures the next table, read what was committed on this one.

        Returns whether nothing is left to do with this one: it is unlocked, and need not be kept.
        `following`: the next one's connection.
        """
        self.close()
        state = self.state
        if not state.session.safeguarded:
            if self.applies and self._progress.open and not state.session.in_transaction:
                self.settle()
            return not self.applies
        if self.applies:
            if self._may_be_uncommitted or state.session.lost:
                return False
            found = state.after_leaving(following)
            if found is None:
                return False
            if self._progress.open:
                self._progress.settle(*found, state.location)
            if self._find_missing(found[0]) is not None:
                # env.py may come back to it.
                return False
            self._note_outcome()
        state.lock.release(following)
        return True

    @property
    def _may_be_uncommitted(self) -> bool:
        """Whether the transaction in which the last step was written can still be open."""
        connection = self.state.session.connection
        if connection.closed or not connection.in_transaction():
            return False
        return self._wrote_in is None or connection.get_transaction() is self._wrote_in

    def _note_outcome(self) -> None:
        """Record that the request is carried out."""
        if self._run.read_only:
            return
        outcomes, place = self._run.report.outcomes, self.state.location
        if self._planned or self._progress.count_at(place):
            outcomes[place] = DONE[self._run.request.direction]
        else:
            outcomes.setdefault(place, "up_to_date")

    def abandon(self, *, undo: bool) -> None:
        """After a failure that env.py does not see, read what is committed, and unlock.

        `undo`: roll its transaction back.
        """
        self.close()
        self._progress.doubt(self.state.location)
        if undo:
            roll_back(self.state.session.connection)
        try:
            self._progress.settle(*self.state.at_once(), self.state.location)
        finally:
            self.state.lock.release()

    def close(self) -> None:
        """Leave the connection without listeners."""
        self._run.observer.end()
        self._checks.close()

    def settle(self) -> None:
        """Read from the database what was committed, and record it."""
        self._progress.settle(*self.state.afterwards(), self.state.location)

    def verify(self) -> None:
        """Verify in the database what Alembic reported. Raises `RevisionFailed`."""
        self._run.observer.end()
        if not self.applies:
            return
        heads, _ = self.state.afterwards()
        missing = self._find_missing(heads)
        if missing is not None:
            message = (
                "env.py returned, but the database is not at the target: env.py did not commit,"
                " or did not call context.run_migrations()."
            )
            raise RevisionFailed(message, reason="nothing_happened", missing=sorted(missing))
        self._note_outcome()

    def _find_missing(self, heads: Sequence[str]) -> set[str] | None:
        """Return what a database at `heads` lacks of the plan; None if it is at the target."""
        missing = self._progress.contradicted(self._planned, heads)
        never_ran = not self._planned and self._run.project.plan(self._run.request, heads)
        return missing if missing or never_ran else None

    def describe_failed(self, revision: str) -> FailedRevision:
        """Describe a revision that failed."""
        return self._checks.describe(revision)
