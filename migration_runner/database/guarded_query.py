"""Queries of tables that may not exist, or not be readable, in one statement that never fails.

A statement that names such a table is an error, which the server logs. So the query is a text,
which is only executed if the table can be read. `ts_stat` executes it: every server has it, while
`query_to_xml` needs one with libxml, and `DO` has no result. It returns words of a document, which
are unordered and shorter than 2,046 bytes: so the answer is in numbered pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.database.sql_literals import literal

# Characters, of four bytes at most.
_PIECE: Final = 500
_DIGITS: Final = 6
_PIECES: Final = """\
SELECT array_to_tsvector(ARRAY(
  SELECT lpad(number::text, {digits}, '0') || substr(found, number * {size} + 1, {size})
  FROM ({query}) AS answer, generate_series(0, (length(found) - 1) / {size}) AS number))"""
_JOINED: Final = """\
SELECT string_agg(substr(word, {digits} + 1), '' ORDER BY word COLLATE "C")
FROM ts_stat({pieces})"""


def table_oid(schema: str | None, name: str) -> str:
    """Return SQL for a table's oid, NULL without it; without `schema`, the search_path applies."""
    if not schema:
        return f"to_regclass(quote_ident({literal(name)}))"
    # `to_regclass` fails for a schema that the role may not use.
    return (
        "(SELECT c.oid FROM pg_catalog.pg_class c"  # noqa: S608 - literals
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE n.nspname = {literal(schema)} AND c.relname = {literal(name)})"
    )


def readable(oid: str) -> str:
    """Return SQL for whether the role can read all rows of the table; false without it."""
    return (
        "coalesce((SELECT has_schema_privilege(relnamespace, 'USAGE')"  # noqa: S608 - our own SQL
        " AND has_table_privilege(oid, 'SELECT') AND NOT row_security_active(oid)"
        f" FROM pg_catalog.pg_class WHERE oid = {oid}), false)"
    )


def if_readable(oids: Sequence[str], query: str) -> str:
    """Return SQL for the text that `query` returns as `found`; NULL if a table is unreadable."""
    pieces = literal(_PIECES.format(query=query, size=_PIECE, digits=_DIGITS))
    allowed = " AND ".join(map(readable, oids))
    return f"CASE WHEN {allowed} THEN ({_JOINED.format(pieces=pieces, digits=_DIGITS)}) END"
