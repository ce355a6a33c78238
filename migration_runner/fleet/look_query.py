"""Where the schemas of one database are, in one query, which never fails and leaves no trace.

Like `guarded_query`: a version table that does not exist, cannot be read, or is something else, is
not named in the statement that is parsed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from migration_runner.database.guarded_query import if_readable, readable, table_oid
from migration_runner.database.sql_literals import literal
from migration_runner.ledger.rows import TABLE

# The heads are words of a document, which has each once.
_HEADS: Final = """\
(SELECT string_agg(word, ',' ORDER BY word COLLATE "C") FROM ts_stat(format(
  'SELECT array_to_tsvector(ARRAY(SELECT version_num::text FROM %I.%I WHERE version_num <> ''''))',
  nspname, relname)))"""
_PLACES: Final = """\
SELECT json_agg(json_build_array(nspname, can_read, CASE WHEN can_read THEN {heads} END))
FROM (SELECT n.nspname, c.relname, {readable} AND EXISTS (
    SELECT FROM pg_catalog.pg_attribute
    WHERE attrelid = c.oid AND attname = 'version_num' AND NOT attisdropped) AS can_read
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v') AND {chosen}) AS place"""
# As `ledger.rows.digest_query`, of many version tables.
_DIGESTS: Final = """\
SELECT json_object_agg(version_table_schema, digest)::text AS found
FROM (SELECT version_table_schema, md5(string_agg(revision || ':' || coalesce(file_sha256, ''), ','
    ORDER BY revision COLLATE "C")) AS digest
  FROM (SELECT DISTINCT ON (version_table_schema, revision COLLATE "C")
      version_table_schema, revision, direction, file_sha256
    FROM {ledger}
    WHERE version_table = {table} AND revision IS NOT NULL{schemas}
    ORDER BY version_table_schema, revision COLLATE "C", sequence DESC) AS latest
  WHERE direction <> 'downgrade' GROUP BY version_table_schema) AS digests"""
_QUERY: Final = """\
SELECT pg_catalog.pg_postmaster_start_time()::text,
  current_database(), coalesce(current_schema(), ''), ({places})::text, {digests},
  ({usable})::text"""
# As a search_path finds them.
_USABLE: Final = """\
SELECT json_agg(nspname) FROM pg_catalog.pg_namespace
WHERE nspname IN ({schemas}) AND pg_catalog.has_schema_privilege(oid, 'USAGE')"""


class VersionTable(NamedTuple):
    """A version table as the look found it; `heads` are None if the role cannot read it."""

    schema: str
    heads: tuple[str, ...] | None
    digest: str | None


class Found(NamedTuple):
    """What the look found in one database.

    `database` identifies it on whatever way it was reached: until the server is started again.
    `usable` are those of the schemas looked for that exist, and that the role may use.
    """

    database: tuple[str, str]
    current_schema: str
    usable: frozenset[str]
    tables: dict[str, VersionTable]


@functools.lru_cache(maxsize=4)
def look_query(schemas: tuple[str, ...], schema: str | None, table: str) -> str:
    """Return the query for a version table `table` in each of the `schemas`.

    Without any, it is in `schema`, or else where the search_path leads: the same for each database.
    """
    usable = "NULL"
    if schemas:
        listed = ", ".join(map(literal, schemas))
        chosen = f"c.relname = {literal(table)} AND n.nspname IN ({listed})"
        usable = _USABLE.format(schemas=listed)
        of_schemas = f" AND version_table_schema IN ({listed})"
    else:
        chosen = f"c.oid = {table_oid(schema, table)}"
        of_schemas = ""
    digests = _DIGESTS.format(ledger=TABLE, table=literal(table), schemas=of_schemas)
    oid = f"(SELECT {table_oid(*TABLE.split('.'))}::oid)"
    return _QUERY.format(
        places=_PLACES.format(heads=_HEADS, readable=readable("c.oid"), chosen=chosen),
        digests=if_readable((oid,), digests),
        usable=usable,
    )


def _split(heads: str | None) -> tuple[str, ...]:
    return tuple(heads.split(",")) if heads else ()


def read_answer(row: Sequence[str | None]) -> Found:
    """Return what a row of the query says."""
    started, name, current, places, digests, usable = row
    known: dict[str, str] = json.loads(digests or "null") or {}
    found: list[list[Any]] = json.loads(places or "null") or []
    tables = {
        schema: VersionTable(
            schema,
            _split(heads) if read else None,
            known.get(schema),
        )
        for schema, read, heads in found
    }
    database = (started or "", name or "")
    schemas = frozenset(json.loads(usable or "null") or ())
    return Found(database, current or "", schemas, tables)
