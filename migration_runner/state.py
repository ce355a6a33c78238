"""What the database is at, as its own version table says, and how far that is from the target."""

from __future__ import annotations

from migration_runner.alembic_bridge import AlembicProject, ConfiguredContext
from migration_runner.engine import on_new_connection
from migration_runner.errors import HistoryError
from migration_runner.report import RunReport
from migration_runner.session import WorkSession


class DatabaseState:
    """The heads in the database, read anew with every call and noted in the report."""

    def __init__(
        self,
        project: AlembicProject,
        target: str,
        context: ConfiguredContext,
        session: WorkSession,
        report: RunReport,
    ) -> None:
        self.session = session
        self.context = context
        self._project = project
        self._target = target
        self._report = report

    def heads(self) -> tuple[str, ...]:
        """Read the heads on the work session."""
        with self.session.between_transactions():
            heads = self.context.heads()
        self._report.to_revisions = heads
        return heads

    def heads_afterwards(self) -> tuple[str, ...]:
        """Read what is committed once env.py is through, over a new connection if need be."""
        # What env.py left open would be gone with its connection.
        self.session.roll_back()
        if not self.session.over and not self.session.lost:
            return self.heads()
        heads = on_new_connection(self.session.connection.engine, self.context.heads_on)
        self._report.to_revisions = heads
        return heads

    def at_target(self) -> bool:
        """Whether nothing is pending.

        Raises `HistoryError` when the database is at a revision that this image does not have.
        """
        heads = self.heads()
        history = self._project.history
        if unknown := history.unknown(heads):
            ours = ", ".join(history.heads) or "base"
            message = (
                f"The database has {', '.join(unknown)}, which this image does not have: its head"
                f" is {ours}. Deploy an image that has both."
            )
            raise HistoryError(
                message,
                reason="unknown_revision",
                database_heads=heads,
                image_heads=history.heads,
            )
        return not self._project.pending(self._target, heads)
