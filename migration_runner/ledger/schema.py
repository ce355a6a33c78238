"""Whether there is a ledger, what the role may do with it, and creating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy
from sqlalchemy import text

from migration_runner.database.sql_literals import literal
from migration_runner.database.statements import message_of, protected, sqlstate_of
from migration_runner.ledger.rows import LedgerEntry

CREATE_LEDGER: Final = (
    "CREATE SCHEMA IF NOT EXISTS migration_runner",
    """\
CREATE TABLE IF NOT EXISTS migration_runner.ledger (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_table_schema text NOT NULL,
    version_table text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('upgrade', 'downgrade', 'stamp', 'adopted')),
    revision text,
    parents text[] NOT NULL DEFAULT '{}',
    breaks_before text,
    message text,
    file text,
    file_sha256 text,
    code_sha256 text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_seconds double precision,
    run_id text NOT NULL,
    runner_version text NOT NULL,
    build text,
    role text NOT NULL DEFAULT current_user,
    host text,
    run_lock_wait_seconds double precision,
    -- For its index: an env.py can have thousands of version tables.
    UNIQUE (version_table_schema, version_table, sequence)
)""",
    "COMMENT ON TABLE migration_runner.ledger IS 'Applied Alembic revisions, format 1'",
)
# Runs of two histories can conflict here when they start at the same time, despite IF NOT EXISTS.
_CREATED_CONCURRENTLY: Final = frozenset({"23505", "42P06", "42P07", "XX000"})


@dataclass(frozen=True)
class LedgerAccess:
    """What the role may do: looked up in the catalog, so that no statement fails."""

    exists: bool
    # Why it is unusable: it is no table, lacks columns, or has hidden rows.
    defect: str | None
    readable: bool
    writable: bool
    creatable: bool


class LedgerDenied(Exception):
    """The server refused to create the ledger."""


# Older and newer shapes, and whatever else has the name.
_WANTED: Final = ", ".join(literal(name) for name in LedgerEntry.__dataclass_fields__)
_DEFECT: Final = f"""\
CASE WHEN c.relkind NOT IN ('r', 'p') THEN 'migration_runner.ledger is not a table'
  WHEN row_security_active(c.oid)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)
  THEN 'row-level security hides all rows of migration_runner.ledger from ' || current_user
  ELSE (
    SELECT 'migration_runner.ledger has no column ' || string_agg(wanted.name, ', ')
    FROM unnest(ARRAY[{_WANTED}]) AS wanted (name)
    WHERE c.oid IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = wanted.name AND NOT a.attisdropped)) END"""  # noqa: S608 - our own names


def ledger_access(connection: sqlalchemy.Connection) -> LedgerAccess:
    """Look up whether the ledger exists, and the role's privileges on it."""
    query = text(
        f"SELECT c.oid IS NOT NULL, {_DEFECT},"  # noqa: S608 - our own constant
        f" {_DEFECT} IS NULL AND coalesce(has_schema_privilege(n.oid, 'USAGE')"
        " AND has_table_privilege(c.oid, 'SELECT'), false),"
        # Writing also needs SELECT, to know what is recorded already.
        f" {_DEFECT} IS NULL AND coalesce(has_schema_privilege(n.oid, 'USAGE')"
        " AND has_table_privilege(c.oid, 'SELECT')"
        " AND has_table_privilege(c.oid, 'INSERT'), false),"
        " CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')"
        " ELSE has_schema_privilege(n.oid, 'USAGE, CREATE') END"
        " FROM (SELECT 1) AS always"
        " LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'migration_runner'"
        " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'ledger'"
    )
    return LedgerAccess(*connection.execute(query).one())


def create_ledger(connection: sqlalchemy.Connection) -> None:
    """Create schema and table if they do not exist. Raises `LedgerDenied`."""
    for _ in range(2):
        try:
            with protected(connection):
                for statement in CREATE_LEDGER:
                    connection.execute(text(statement))
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            if sqlstate_of(error) not in _CREATED_CONCURRENTLY:
                # Privileges, an event trigger, a disk that is full ...
                raise LedgerDenied(message_of(error)) from error
        else:
            return
