"""What the manifest has for the fast path, if the project declares its version table.

The query for whether a database is at head, and its result if so. It reads the heads and what a run
checks in the ledger: that every revision is recorded, and that its file was not edited since it
was applied.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from migration_runner.build.env_source import read_env
from migration_runner.build.start_lock_query import start_lock_queries
from migration_runner.build.status_query import status_query
from migration_runner.database.guarded_query import if_readable, table_oid
from migration_runner.database.libpq_library import loaded_libpq
from migration_runner.database.network import KEEPALIVES
from migration_runner.database.sql_literals import identifier, literal
from migration_runner.fast_path.manifest_file import Manifest
from migration_runner.history.manifest_history import ManifestRevision
from migration_runner.ledger.rows import TABLE, digest_of, digest_query
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.declaration import Declaration, example

# As cheap as possible for a new server process, whose caches are empty: looking up each function
# and table takes time. Only several heads need an order.
_QUERY: Final = """\
SELECT pg_backend_pid(), current_database(), current_setting('server_version'), {schema},
  {state}, {status}
FROM (SELECT {version_table}::oid AS version_table, {ledger}::oid AS ledger) AS oids"""
# The heads and what the ledger has, as `look` expects them: a guarded query costs more than both.
_STATE: Final = (
    "SELECT string_agg(version_num, ','{order}) || ';' || ({digest}) AS found FROM {table}"
)
# It asks who has the run lock.
_STATUS: Final = "CASE WHEN has_table_privilege('pg_catalog.pg_locks', 'SELECT') THEN {} END"
_IN_ORDER: Final = ' ORDER BY version_num COLLATE "C"'
# If the name has to be quoted, it does not match the ledger's, and the run takes the full path.
_SCHEMA_OF_TABLE: Final = (
    "(SELECT relnamespace::regnamespace::text FROM pg_catalog.pg_class WHERE oid = {oid})"
)


class NoFastPath(Exception):
    """Why the fast path is not possible with this project."""


def fast_path_part(
    project: AlembicProject, config: str, history: Sequence[ManifestRevision]
) -> Manifest:
    """Return this part of the manifest of a configuration file. Raises `NoFastPath`."""
    declared, heads = _declared(project, config), project.history.heads
    if project.in_package:
        message = "the configuration names a folder in a package: name it by its path"
        raise NoFastPath(message)
    if not all(each.id.isascii() and "," not in each.id for each in history):
        message = "a revision id has a comma or non-ASCII characters"
        raise NoFastPath(message)
    return {
        "libpq": _libpq(),
        "keepalives": KEEPALIVES,
        "version_table": declared.table,
        "count": len(history),
        **_queries(declared, _IN_ORDER if len(heads) > 1 else ""),
        "digest": digest_of((each.id, each.file_sha256) for each in history),
    }


def _declared(project: AlembicProject, config: str) -> Declaration:
    """Return what the project declares. Raises `NoFastPath`, with what it could declare."""
    if project.declared:
        return project.declared
    table = read_env(project.env_file).declarable
    if table is None:
        message = "not declared, and env.py may not use the runner's connection"
        raise NoFastPath(message)
    message = (
        "not declared: if a run depends on nothing but the runner's connection and this version"
        f" table, add to {config}: {example(*table, config)}"
    )
    raise NoFastPath(message)


def _queries(declared: Declaration, order: str) -> dict[str, object]:
    """Return the queries for whether a database is at head, for its status, and for the lock."""
    schema, name = declared.schema, declared.table
    table = ".".join(map(identifier, [schema, name] if schema else [name]))
    oid = table_oid(schema, name)
    place = literal(schema) if schema else _SCHEMA_OF_TABLE.format(oid=oid)
    digest = digest_query(place, literal(name))
    state = _STATE.format(order=order, digest=digest, table=table)
    status = f"SELECT ({status_query(place, literal(name))}) AS found"
    query = functools.partial(
        _QUERY.format,
        version_table=oid,
        ledger=table_oid(*TABLE.split(".")),
        state=if_readable(("version_table", "ledger"), state),
    )
    return {
        "query": query(schema="''", status="''"),
        "status_query": query(
            schema=place, status=_STATUS.format(if_readable(("ledger",), status))
        ),
        "start_lock": start_lock_queries(schema, name),
    }


def _libpq() -> str:
    """Return the path of the libpq that psycopg has loaded. Raises `NoFastPath`."""
    path = loaded_libpq()
    if path is None:
        message = "psycopg does not load libpq as a shared library"
        raise NoFastPath(message)
    return path
