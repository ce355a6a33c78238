"""Comparing models with a database requires that it is at the heads of the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.errors import HistoryError, PendingRevisions
from migration_runner.ledger.keeper import Entries
from migration_runner.run.contradictions import read_books, refuse_contradiction
from migration_runner.run.database_state import DatabaseState

_NAMED: Final = 3


def refuse_elsewhere(state: DatabaseState) -> bool:
    """Refuse a database that is not at the heads; a decision that there is nothing to apply.

    Raises `PendingRevisions` if it is behind, `HistoryError` if it has unknown revisions, or if
    version table, ledger and history contradict each other.
    """
    books = read_books(state)
    refuse_contradiction(state, books)
    if unknown := books.relate().unknown:
        described = [_describe(each, books.ledger) for each in unknown]
        message = (
            f"Only in the database: {_name(described)}. Check"
            " out the branch that has it, or downgrade the database there first."
        )
        raise HistoryError(message, reason="unknown_revision", unknown_revisions=list(unknown))
    if pending := state.pending(books.table.heads):
        message = f"The database is behind ({_name(pending)}): run `migrate` first."
        raise PendingRevisions(message, pending=pending)
    return False


def _name(each: Sequence[str]) -> str:
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return ", ".join(each[:_NAMED]) + more


def _describe(revision: str, entries: Entries) -> str:
    """Describe a revision as the ledger has it."""
    entry = entries.get(revision)
    if entry is None:
        return revision
    title = f' "{entry.message.rstrip(".")}"' if entry.message else ""
    build = f" (applied by build {entry.build})" if entry.build else ""
    return f"{revision}{title}{build}"
