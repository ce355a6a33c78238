"""Accepts revision files that were edited after they were applied, for good.

The ledger gets another row of the revision, with the file as it is now; that it was applied with
another one stays in the rows before. So the next edit is reported again.
"""

from __future__ import annotations

from collections.abc import Sequence

from migration_runner.errors import DatabaseRejected, HistoryError
from migration_runner.log import events, logs
from migration_runner.run.context import RunContext
from migration_runner.run.contradictions import read_books, refuse_contradiction
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide, acquire


class Acceptance:
    """The revisions to accept, and what became of them, on each version table."""

    def __init__(self, run: RunContext, names: Sequence[str]) -> None:
        """Raise `HistoryError` for a revision that the history does not have."""
        self._run = run
        self._revisions = [self._find(name) for name in names]
        self._applied: set[str] = set()
        self.accepted: list[str] = []

    def _find(self, name: str) -> str:
        revisions = self._run.project.history.revisions
        found = (
            [name] if name in revisions else [each for each in revisions if each.startswith(name)]
        )
        if len(found) != 1:
            many = f"is ambiguous: {', '.join(found)}" if found else "does not exist"
            message = f"Revision {name!r} {many}. Name a revision of this image."
            raise HistoryError(message, reason="unknown_revision", unknown_revisions=[name])
        return found[0]

    def decide(self) -> Decide:
        """Return the decision: record the files, under the run lock, and apply nothing."""

        def decide(state: DatabaseState) -> bool:
            if not state.ledger.check():
                message = (
                    "The ledger cannot be written, so nothing can be accepted. Set"
                    " MIGRATE_LEDGER=on, and let this role create and write it."
                )
                raise DatabaseRejected(message, reason="ledger_unavailable")
            acquire(self._run, state, lambda _: False)
            books = read_books(state)
            refuse_contradiction(state, books)
            state.ledger.create_if_missing()
            # What others have done is recorded before there are newer rows.
            state.ledger.adopt(books.table.heads)
            applied = self._run.project.history.with_ancestors(books.table.heads)
            self._applied |= applied
            for entry in state.ledger.accept([each for each in self._revisions if each in applied]):
                self.accepted.append(str(entry.revision))
                logs.get_logger().info(
                    events.REVISION_ACCEPTED,
                    revision=entry.revision,
                    file=entry.file,
                    file_sha256=entry.file_sha256,
                )
            return False

        return decide

    def require_applied(self) -> None:
        """Raise `HistoryError` for a revision that is not applied: there is nothing to accept."""
        if missing := [each for each in self._revisions if each not in self._applied]:
            message = (
                f"The database does not have {', '.join(missing)}: there is nothing to accept."
                " It will be applied with the file as it is."
            )
            raise HistoryError(message, reason="not_applied", revisions=missing)
