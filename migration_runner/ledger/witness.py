"""What the version table's rows are worth: who wrote them last, and whether all of them are seen.

The rows of version table and ledger are written in one transaction, the ledger's not before the
version table's. So a row of the version table that is newer than the ledger's newest row, by its
transaction id (`xmin`), was written by others. Only a dump that was restored has other ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy
from sqlalchemy import text

from migration_runner.database.sql_literals import identifier, literal
from migration_runner.database.statements import execute_plain
from migration_runner.history.witnesses import HIDDEN, MISSING, SHADOWED, VersionTable
from migration_runner.ledger.rows import TABLE, Ledger, LedgerEntry

# Rows of two runs were never written in one transaction, nor any before the primary key was
# created: a dump has copied them, and nothing can be said about who wrote last.
_WRITTEN: Final = f"""\
SELECT CASE WHEN NOT newest.copied THEN ARRAY(
    SELECT v.version_num::text FROM {{table}} v WHERE age(v.xmin) < newest.age) END,
  row_security_active({{quoted}}::regclass)
FROM (SELECT age(l.xmin) AS age,
    EXISTS (SELECT FROM {TABLE} o WHERE o.xmin = l.xmin AND o.run_id <> l.run_id)
    OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'p'
      AND k.conrelid = '{TABLE}'::regclass AND age(k.xmin) < age(l.xmin)) AS copied
  FROM {TABLE} l
  WHERE l.version_table_schema = {{schema}} AND l.version_table = {{name}}
  ORDER BY l.sequence DESC LIMIT 1) AS newest"""  # noqa: S608 - our own names
_VISIBLE: Final = text(
    "SELECT c.oid IS NOT NULL, coalesce(row_security_active(c.oid), false),"
    " EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)"
    " FROM (SELECT 1) AS always LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = :schema"
    " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = :table"
)
_ELSEWHERE: Final = text(
    "SELECT n.nspname FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = :table AND n.nspname = ANY (current_schemas(true)) AND n.nspname <> :schema"
    " AND c.relkind IN ('r', 'p', 'v')"
)
Entries = Mapping[str, LedgerEntry]


def examine(
    connection: sqlalchemy.Connection,
    location: tuple[str, str],
    heads: tuple[str, ...],
    entries: Entries | None,
    *,
    searched: bool,
) -> VersionTable:
    """Return what the version table's rows are worth.

    `entries` are its revisions' last rows in the ledger; None if that cannot be read. `searched`:
    the search_path led to it.
    """
    if not heads and (doubtful := _doubt_empty(connection, location, entries)):
        return doubtful
    if not entries:
        if entries is None or not searched:
            return VersionTable(heads)
        return _look_elsewhere(connection, location, heads)
    if not heads:
        return VersionTable(heads)
    schema, name = location
    table = ".".join(identifier(each) for each in location if each)
    query = _WRITTEN.format(
        table=table, quoted=literal(table), schema=literal(schema), name=literal(name)
    )
    rewritten, hidden = tuple(execute_plain(connection, query).one())
    found = None if rewritten is None else frozenset(rewritten)
    if hidden:
        return VersionTable(heads, found, HIDDEN, _applied(entries))
    return VersionTable(heads, found)


def _doubt_empty(
    connection: sqlalchemy.Connection, location: tuple[str, str], entries: Entries | None
) -> VersionTable | None:
    """Return the version table as missing or hidden; None if it is really empty."""
    schema, name = location
    values = {"schema": schema, "table": name}
    exists, hidden, policies = connection.execute(_VISIBLE, values).one()
    if exists and not hidden:
        return None
    since = Ledger(connection, schema, name).last_base_stamp() if entries else 0
    return VersionTable(
        heads=(),
        doubt=HIDDEN if hidden else MISSING,
        standing=_applied(entries or {}, since),
        # Without a policy, nothing is visible, and nothing can be written.
        closed=hidden and not policies,
    )


def _look_elsewhere(
    connection: sqlalchemy.Connection, location: tuple[str, str], heads: tuple[str, ...]
) -> VersionTable:
    """Look for another version table in the search path, for one that has no rows in the ledger."""
    schema, name = location
    if not Ledger(connection, schema, name).last_base_stamp():
        values = {"schema": schema, "table": name}
        for place in connection.execute(_ELSEWHERE, values).scalars():
            if standing := _applied(Ledger(connection, place, name).latest()):
                return VersionTable(heads, None, SHADOWED, standing, elsewhere=place)
    return VersionTable(heads)


def _applied(entries: Entries, since: int = 0) -> tuple[str, ...]:
    """Return the revisions that are recorded as applied, after the `since`th row."""
    recorded = (
        (entry.sequence, revision)
        for revision, entry in entries.items()
        if entry.direction != "downgrade" and entry.sequence > since
    )
    return tuple(revision for _, revision in sorted(recorded))
