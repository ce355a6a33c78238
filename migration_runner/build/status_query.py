"""`status` in one query, for the fast path and a database at head.

The server renders the ledger's part as Python's `json` would, which the fast path does not import.
"""

from __future__ import annotations

from typing import Final

from migration_runner.database.run_lock import KEY_NAMESPACE
from migration_runner.database.sql_literals import literal
from migration_runner.ledger.rows import TABLE, LedgerEntry
from migration_runner.run.status import LEDGER_LINES

_NUMBERS: Final = ("duration_seconds", "run_lock_wait_seconds")
# As by `datetime.isoformat`: without a fraction if that is zero.
_MOMENT: Final = (
    """to_json(to_char(started_at, 'YYYY-MM-DD"T"HH24:MI:SS')"""
    """ || CASE WHEN extract(microseconds FROM started_at)::bigint % 1000000 = 0 THEN ''"""
    """ ELSE to_char(started_at, '.US') END || to_char(started_at, 'TZH:TZM'))::text"""
)
_PARENTS: Final = (
    "'[' || coalesce((SELECT string_agg(to_json(p.name)::text, ', ' ORDER BY p.number)"
    " FROM unnest({column}) WITH ORDINALITY AS p (name, number)), '') || ']'"
)
# No run holds the run lock. `pg_locks` has the key in two halves.
_UNLOCKED: Final = """\
NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted
  AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_catalog.pg_database
    WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = run_lock.key)"""


def status_query(schema: str, table: str) -> str:
    """Return SQL for the rest of the status, from the run lock on; no row if the lock is held.

    `schema` and `table` are SQL for the version table's schema and name.
    """
    ours = f"version_table_schema = {schema} AND version_table = {table}"
    return f"""\
SELECT '"run_lock": {{"key": ' || run_lock.key || ', "holder": null}}, "last_run": {{'
  || {_pairs("run_id", "build", "host", "role", "started_at", "direction", row="newest")}
  || ', "revisions": [' || coalesce((SELECT string_agg(to_json(revision)::text, ', ' ORDER BY first)
    FROM (SELECT revision, min(sequence) AS first FROM {TABLE} WHERE {ours}
      AND run_id = newest.run_id AND direction = newest.direction AND revision IS NOT NULL
      GROUP BY revision) AS done), '') || ']}}, "ledger": ['
  || (SELECT string_agg('{{' || {_pairs(*LedgerEntry.__dataclass_fields__, row="latest")} || '}}',
      ', ' ORDER BY sequence DESC)
    FROM (SELECT * FROM {TABLE} WHERE {ours} ORDER BY sequence DESC LIMIT {LEDGER_LINES}) AS latest)
  || ']'
FROM (SELECT * FROM {TABLE} WHERE {ours} ORDER BY sequence DESC LIMIT 1) AS newest,
  (SELECT ('x' || encode(substr(sha256({_key(schema, table)}), 1, 8), 'hex'))::bit(64)::bigint
    AS key) AS run_lock
WHERE {_UNLOCKED}"""  # noqa: S608 - our own names and literals


def _key(schema: str, table: str) -> str:
    """Return SQL for the bytes from which `derive_key` derives the run lock's key."""
    parts = (literal(KEY_NAMESPACE), "current_database()", schema, table)
    return " || ".join(f"convert_to({part}::text, 'UTF8') || '\\x00'::bytea" for part in parts)


def _pairs(*columns: str, row: str) -> str:
    """Return SQL for the inside of a JSON object with these columns of a row."""
    return " || ', ' || ".join(f"'\"{name}\": ' || {_value(name, row)}" for name in columns)


def _value(name: str, row: str) -> str:
    column = f"{row}.{name}"
    if name == "started_at":
        return _MOMENT.replace("started_at", column)
    if name == "parents":
        return _PARENTS.format(column=column)
    if name in _NUMBERS:
        # Python writes whole floats with a fraction.
        return (
            f"coalesce(CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e15"
            f" THEN {column}::numeric::text || '.0' ELSE to_json({column})::text END, 'null')"
        )
    return f"coalesce(to_json({column})::text, 'null')"
