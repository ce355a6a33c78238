"""Indexes that a concurrent build has left invalid: Postgres maintains but never uses them.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy
from sqlalchemy import text

from migration_runner.database.session import LAST_TRANSACTION
from migration_runner.database.sql_text import ConcurrentIndex
from migration_runner.database.statements import execute_plain

# Partitioned indexes (relkind I) are invalid, by design, until the last partition has its own.
# An index that another session is building does not count. Other roles cannot see which index that
# is, but that it builds one, and its lock on the table, which VACUUM takes, too.
_INVALID: Final = """\
SELECT i.indexrelid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       format('%I.%I', tn.nspname, t.relname) AS "table"
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE NOT i.indisvalid AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_progress_create_index p USING (pid)
    WHERE l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND pid <> pg_backend_pid()
)"""
_ANY: Final = "SELECT 1 FROM pg_catalog.pg_index WHERE NOT indisvalid LIMIT 1"
# Only a committed transaction can leave one. So the catalog, which grows with every tenant of a
# database, is read only if one has ended since the last revision was written: by another session,
# since this one's, and its savepoint, are the two that may have.
_OTHERS_COMMITTED: Final = f"""\
pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    > coalesce(nullif(current_setting('{LAST_TRANSACTION}', true), ''), '0')::bigint + 2"""
_NONE: Final = f"""\
SELECT ('invalid index: ' || indexrelid::regclass)::int FROM pg_catalog.pg_index
WHERE {_OTHERS_COMMITTED} AND NOT indisvalid AND indexrelid <> ALL ({{before}})
  AND (SELECT relkind FROM pg_catalog.pg_class WHERE oid = indexrelid) = 'i'"""  # noqa: S608 - our own constants
_NAMED: Final = (
    f"{_INVALID} AND i.indrelid = to_regclass(:table)"
    " AND c.relname = CAST((parse_ident(CAST(:index AS text)))[1] AS name)"
)


@dataclass(frozen=True)
class InvalidIndex:
    """An invalid index; its names are SQL."""

    oid: int
    name: str
    table: str

    @property
    def drop(self) -> str:
        """The statement that drops it, before it is built again."""
        return f"DROP INDEX CONCURRENTLY {self.name}"

    @property
    def rebuild(self) -> str:
        """The statement that rebuilds it in place (PostgreSQL 12)."""
        return f"REINDEX INDEX CONCURRENTLY {self.name}"


def require_none_invalid(before: Sequence[int]) -> str:
    """Return SQL that fails if an index is invalid, except for those that were invalid `before`.

    It may fail without cause: an index that another session is building is invalid, too.
    """
    return _NONE.format(before=f"ARRAY{list(before)}::oid[]")


def find_invalid_indexes(connection: sqlalchemy.Connection) -> list[InvalidIndex]:
    """Return all indexes of the database that were left invalid."""
    # Checked after every revision: most databases have none at all.
    if execute_plain(connection, _ANY).first() is None:
        return []
    return [InvalidIndex(*row) for row in connection.execute(text(_INVALID))]


def find_invalid_index(
    connection: sqlalchemy.Connection, index: ConcurrentIndex
) -> InvalidIndex | None:
    """Return the index that a `CREATE INDEX CONCURRENTLY` names, if it exists and is invalid."""
    values = {"table": index.table, "index": index.index}
    row = connection.execute(text(_NAMED), values).first()
    return None if row is None else InvalidIndex(*row)


def left_invalid(
    connection: sqlalchemy.Connection, before: Sequence[int], built: Sequence[ConcurrentIndex]
) -> list[InvalidIndex]:
    """Return the indexes that a revision left invalid: new ones, and ones that it did not rebuild.

    `before` are the oids of indexes that were invalid before it. `IF NOT EXISTS` accepts an invalid
    index of an earlier attempt.
    """
    invalid = find_invalid_indexes(connection)
    found = [index for index in invalid if index.oid not in before]
    if len(found) < len(invalid):
        named = {each.oid for index in built if (each := find_invalid_index(connection, index))}
        found += [index for index in invalid if index.oid in before and index.oid in named]
    return found
