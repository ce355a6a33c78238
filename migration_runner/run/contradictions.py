"""Ends a run, with 65 and a message, where version table, ledger and history contradict each other.

Nothing is applied, undone, adopted or called up to date then. `migrate stamp` decides what is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.errors import HistoryError
from migration_runner.history.books import NEVER_RAN, RAN_ALREADY, UNDONE, Contradiction
from migration_runner.history.witnesses import HIDDEN, MISSING, SHADOWED
from migration_runner.ledger.keeper import LedgerBooks
from migration_runner.run.database_state import DatabaseState

_NAMED: Final = 5
_DOUBTS: Final = (MISSING, HIDDEN, SHADOWED)


def read_books(state: DatabaseState) -> LedgerBooks:
    """Read version table and ledger; if they contradict each other, then at the same moment."""
    while True:
        heads = state.heads()
        books = state.books(heads)
        if books.find_contradiction() is None or state.heads() == heads:
            return books


def refuse_contradiction(state: DatabaseState, books: LedgerBooks) -> None:
    """Raise `HistoryError` if the books contradict each other."""
    if error := describe_contradiction(state, books):
        raise error


def describe_contradiction(state: DatabaseState, books: LedgerBooks) -> HistoryError | None:
    """Return the error that names what contradicts what, and the ways out."""
    found = books.find_contradiction()
    if found is None:
        return None
    if found.kind in _DOUBTS:
        state.doubt_heads()
        message = _describe_doubt(found, state, books)
    elif found.kind == RAN_ALREADY:
        message = _describe_above(found, books)
    else:
        message = _describe_below(found, books)
    return HistoryError(message, reason=found.kind, revisions=list(found.revisions))


def _describe_below(found: Contradiction, books: LedgerBooks) -> str:
    named, child = _name_files(found.revisions, books), found.child
    heads = " ".join(found.there)
    them, their = ("them", "their") if len(found.revisions) > 1 else ("it", "its")
    happened = {NEVER_RAN: "not applied", UNDONE: "undone after it was applied"}[found.kind]
    parents = ", ".join(books.ledger_parents(child)) if child else ""
    return (
        f"This image has {named} below {child or heads}, but by the ledger"
        + (f" {child} was applied on {parents or 'base'}, and" if found.kind == NEVER_RAN else "")
        + f" {found.revisions[0]} was {happened}. To apply {them}, move {them} above {heads}"
        f" (down_revision). If {their} changes are in the database, for example because the history"
        f" was squashed, record that: migrate stamp {heads}."
    )


def _describe_above(found: Contradiction, books: LedgerBooks) -> str:
    named = _name_files(found.revisions, books)
    one = len(found.revisions) == 1
    them, their = ("it", "its") if one else ("them", "their")
    above = f" as below {found.child}" if found.child else ""
    return (
        f"This image would apply {named}, but the ledger has {them}{above}, applied already. Put"
        f" {them} back to {their} place (down_revision, depends_on). If the new place is meant:"
        f" migrate stamp {' '.join(found.there)} if {their} changes are in the database, migrate"
        f" stamp {' '.join(found.absent)} if they were undone."
    )


def _describe_doubt(found: Contradiction, state: DatabaseState, books: LedgerBooks) -> str:
    _, schema, name = state.location
    table = f"{schema}.{name}" if schema else name
    applied = _list(found.revisions)
    if found.kind == SHADOWED:
        heads = " ".join(found.absent) or "base"
        elsewhere = f"{books.table.elsewhere}.{name}"
        return (
            f"The search_path leads to the version table {table}, which does not have {applied},"
            f" but by the ledger {elsewhere} has. Correct the search_path, or set"
            f" version_table_schema in env.py. If {table} is the right one: migrate stamp {heads}."
        )
    if found.kind == HIDDEN:
        known = f", and the ledger has {applied} as applied" if applied else ""
        return (
            f"Row-level security hides rows of the version table {table} from the role of this"
            f" session{known}. Run as the table's owner (MIGRATE_ROLE), create a policy for the"
            " role, or disable row-level security on the table."
        )
    return (
        f"The version table {table} does not exist, but the ledger has {applied} as applied."
        f" Restore the table. If the database has these revisions: migrate stamp"
        f" {' '.join(found.there)}. If it was emptied on purpose: migrate stamp base."
    )


def _name_files(revisions: Sequence[str], books: LedgerBooks) -> str:
    known = books.history.revisions
    return _list([f"{each} ({known[each].path})" for each in revisions])


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
