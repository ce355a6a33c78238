"""The start lock's SQL, from which the fast path builds its queries; see `start_lock`."""

from __future__ import annotations

from typing import Final

from migration_runner.database.guarded_query import readable, table_oid
from migration_runner.database.network import SET_SERVER_SIDE
from migration_runner.database.sql_literals import identifier, literal

# "migr" in ASCII: the first of the key's two numbers.
KEY_CLASS: Final = 0x6D696772
# Until then, the fast path's session has the name of a run: `migrate <run id> <host>`.
_PREPARE: Final = (
    "set_config('application_name', regexp_replace(current_setting('application_name'),"  # noqa: S608 - our own constants
    " '^migrate [0-9a-f]+', 'migrate-start'), false),"
    f" (SELECT count(done) FROM ({SET_SERVER_SIDE}) AS done)"
)
_HEADS: Final = (
    """(SELECT string_agg(version_num, ',' ORDER BY version_num COLLATE "C") FROM {table})"""
)


def start_lock_queries(schema: str | None, name: str) -> dict[str, str]:
    """Return columns to select, by name, for a version table.

    The key's second number only has to be the same for all runs on one server.
    """
    table = ".".join(map(identifier, [schema, name] if schema else [name]))
    place = literal(schema) if schema else "coalesce(current_schema(), '')"
    return {
        # A table that the role cannot read is not there for it.
        "there": readable(table_oid(schema, name)),
        "heads": _HEADS.format(table=table),
        "take": f"pg_try_advisory_lock({KEY_CLASS}, hashtext({place} || '.' || {literal(name)}))",
        "prepare": _PREPARE,
    }
