"""The ledger: who applied which revision, when, for how long, from which build.

One table in its own schema, for every history in the database. Rows are only added, each in the
transaction of the revision that it records.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy
from sqlalchemy import text

from migration_runner.database.sql_literals import literal
from migration_runner.database.statements import (
    execute_plain,
    execute_protected,
)

SCHEMA: Final = "migration_runner"
TABLE: Final = "migration_runner.ledger"
# The applied revisions with the digests of their files, in one text. In the C collation: the
# database's may sort differently from Python.
_DIGEST: Final = """\
SELECT md5(string_agg(revision || ':' || coalesce(file_sha256, ''), ','
  ORDER BY revision COLLATE "C"))
FROM (SELECT DISTINCT ON (revision COLLATE "C") revision, direction, file_sha256
  FROM migration_runner.ledger
  WHERE version_table_schema = {schema} AND version_table = {table} AND revision IS NOT NULL
  ORDER BY revision COLLATE "C", sequence DESC) AS latest
WHERE direction <> 'downgrade'"""


@dataclass(frozen=True)
class LedgerRow:
    """What one step did to one version table; `revision` is None for a stamp to base."""

    direction: str
    revision: str | None
    parents: Sequence[str] = ()
    breaks_before: str | None = None
    message: str | None = None
    file: str | None = None
    file_sha256: str | None = None
    code_sha256: str | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True)
class LedgerAuthor:
    """What is the same in every row of a run."""

    run_id: str
    runner_version: str
    build: str | None
    host: str
    run_lock_wait_seconds: float


@dataclass(frozen=True)
class LedgerEntry:
    """A row of the table."""

    sequence: int
    version_table_schema: str
    version_table: str
    direction: str
    revision: str | None
    parents: tuple[str, ...]
    breaks_before: str | None
    message: str | None
    file: str | None
    file_sha256: str | None
    code_sha256: str | None
    started_at: dt.datetime
    duration_seconds: float | None
    run_id: str
    runner_version: str
    build: str | None
    role: str
    host: str | None
    run_lock_wait_seconds: float | None


class Ledger:
    """The rows of one version table."""

    def __init__(self, connection: sqlalchemy.Connection, schema: str, table: str) -> None:
        self._connection = connection
        self._table = {"version_table_schema": schema, "version_table": table}

    def write(self, rows: Sequence[LedgerRow], author: LedgerAuthor) -> None:
        """Add rows in the open transaction, which a failure leaves unchanged."""
        if rows:
            execute_protected(self._connection, self.insert(rows, author))

    def insert(self, rows: Iterable[LedgerRow], author: LedgerAuthor) -> str:
        """Return the statement that adds rows. `started_at` follows the server's clock."""
        return f"{_INSERT} {', '.join(self._values(row, author) for row in rows)}"

    def _values(self, row: LedgerRow, author: LedgerAuthor) -> str:
        known = {**vars(row), **vars(author), **self._table}
        started = f"clock_timestamp() - {row.duration_seconds or 0.0!r} * interval '1 second'"
        return f"({', '.join(literal(known[name]) for name in _WRITTEN)}, {started})"

    def latest(self) -> dict[str, LedgerEntry]:
        """Return the last row of every revision."""
        query = (
            f"SELECT DISTINCT ON (revision) {_COLUMNS} FROM {TABLE}"  # noqa: S608 - our own names
            " WHERE version_table_schema = :version_table_schema"
            " AND version_table = :version_table AND revision IS NOT NULL"
            " ORDER BY revision, sequence DESC"
        )
        rows = self._connection.execute(text(query), self._table)
        return {entry.revision: entry for entry in map(_entry, rows.mappings()) if entry.revision}

    def last_base_stamp(self) -> int:
        """Return the last row that says that nothing is applied; 0 without one."""
        query = (
            f"SELECT coalesce(max(sequence), 0) FROM {TABLE}"  # noqa: S608 - our own names
            " WHERE version_table_schema = :version_table_schema"
            " AND version_table = :version_table AND revision IS NULL"
        )
        sequence: int = self._connection.execute(text(query), self._table).scalar_one()
        return sequence

    def digest(self) -> str | None:
        """Return `digest_of` the recorded revisions; None without any."""
        schema, table = self._table.values()
        query = digest_query(literal(schema), literal(table))
        digest: str | None = execute_plain(self._connection, query).scalar_one()
        return digest

    def last(self, count: int) -> list[LedgerEntry]:
        """Return the last `count` rows, newest first."""
        query = (
            f"SELECT {_COLUMNS} FROM {TABLE}"  # noqa: S608 - our own names
            " WHERE version_table_schema = :version_table_schema"
            " AND version_table = :version_table ORDER BY sequence DESC LIMIT :count"
        )
        rows = self._connection.execute(text(query), {**self._table, "count": count})
        return [_entry(row) for row in rows.mappings()]

    def of_run(self, run_id: str, direction: str) -> dict[str, float | None]:
        """Return the revisions that one run has recorded, with durations in seconds."""
        query = (
            f"SELECT revision, duration_seconds FROM {TABLE}"  # noqa: S608 - our own names
            " WHERE version_table_schema = :version_table_schema AND version_table = :version_table"
            " AND run_id = :run_id AND direction = :direction AND revision IS NOT NULL"
            " ORDER BY sequence"
        )
        values = {**self._table, "run_id": run_id, "direction": direction}
        return {
            row.revision: row.duration_seconds
            for row in self._connection.execute(text(query), values)
        }


def digest_query(schema: str, table: str) -> str:
    """Return a query for `digest_of` one version table's recorded revisions; both are SQL."""
    return _DIGEST.format(schema=schema, table=table)


def digest_of(revisions: Iterable[tuple[str, str]]) -> str:
    """Return the digest of revision ids and the digests of their files."""
    # By the id alone, as the query sorts: one can be the beginning of another.
    ordered = sorted((revision.encode(), digest.encode()) for revision, digest in revisions)
    text = b",".join(revision + b":" + digest for revision, digest in ordered)
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def read_places(connection: sqlalchemy.Connection) -> list[tuple[str, str]]:
    """Return schema and name of every version table that has rows."""
    query = f"SELECT DISTINCT version_table_schema, version_table FROM {TABLE} ORDER BY 1, 2"  # noqa: S608 - our own names
    return [
        (row.version_table_schema, row.version_table) for row in execute_plain(connection, query)
    ]


def read_ledger(connection: sqlalchemy.Connection, count: int | None) -> list[LedgerEntry]:
    """Return the last `count` rows (None: all) of all histories, newest first."""
    query = f"SELECT {_COLUMNS} FROM {TABLE} ORDER BY sequence DESC LIMIT :count"  # noqa: S608 - our own names
    parameter = sqlalchemy.bindparam("count", count, sqlalchemy.BigInteger)
    return [_entry(row) for row in connection.execute(text(query).bindparams(parameter)).mappings()]


def _entry(row: sqlalchemy.RowMapping) -> LedgerEntry:
    started_at = dt.datetime.fromisoformat(row["started_at"])
    return LedgerEntry(**{**row, "parents": tuple(row["parents"]), "started_at": started_at})


_STARTED_AT: Final = (
    # With any DateStyle, and as `isoformat` writes it.
    "to_char(started_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.USTZH:TZM') AS started_at"
)
_COLUMNS: Final = ", ".join(
    _STARTED_AT if name == "started_at" else name for name in LedgerEntry.__dataclass_fields__
)
_WRITTEN: Final = tuple(
    name
    for name in LedgerEntry.__dataclass_fields__
    if name not in ("sequence", "started_at", "role")
)
_INSERT: Final = f"INSERT INTO {TABLE} ({', '.join(_WRITTEN)}, started_at) VALUES"
