"""The relations of a database, as they are at one moment, for comparing two of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

VIEW: Final = "v"
# What a release names in its statements: tables, materialized views, foreign tables, views.
NAMED: Final = frozenset("rpmfv")

_STATE: Final = """\
SELECT pg_catalog.json_build_object(
  'relations', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      c.oid::bigint, n.nspname, c.relname, c.relkind, c.relfilenode::bigint,
      coalesce(i.indrelid, c.oid)::bigint, pg_catalog.pg_stat_get_xact_numscans(c.oid)))
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'i', 'I') AND {relations}),
  'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      a.attrelid::bigint, a.attnum, a.attname, a.atttypid::bigint, a.attnotnull,
      a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''))
    FROM pg_catalog.pg_attribute a
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {columns}),
  'foreign_keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      f.conname, f.conrelid::bigint))
    FROM pg_catalog.pg_constraint f
    WHERE f.contype = 'f' AND {foreign_keys})
)::text"""
_OURS: Final = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'"
_OF_OURS: Final = (
    "a.attrelid IN (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"  # noqa: S608 - constants
    " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f') AND " + _OURS + ")"
)


@dataclass(frozen=True)
class Column:
    """A column of a table. `supplied`: it has a default, or is generated."""

    name: str
    type: int
    not_null: bool
    supplied: bool


@dataclass(frozen=True)
class Relation:
    """A table, view or index; `table` is the OID of an index's table, or its own."""

    oid: int
    schema: str
    short_name: str
    kind: str
    file: int
    table: int
    scans: int
    columns: dict[int, Column]

    @property
    def name(self) -> str:
        """Its name, with the schema if that is not `public`."""
        return self.short_name if self.schema == "public" else f"{self.schema}.{self.short_name}"


@dataclass(frozen=True)
class State:
    """Relations by OID, and the tables that have a foreign key of a name."""

    relations: dict[int, Relation]
    foreign_keys: dict[str, frozenset[int]]


def state_query(oids: Collection[int] | None = None) -> str:
    """Return the query for the state of these relations, or of all; one value in one row."""
    if oids is None:
        return _STATE.format(relations=_OURS, columns=_OF_OURS, foreign_keys="true")
    listed = "'{" + ",".join(map(str, sorted(oids))) + "}'::pg_catalog.oid[]"
    return _STATE.format(
        relations=f"c.oid = ANY ({listed})",
        columns=f"a.attrelid = ANY ({listed})",
        foreign_keys=f"f.conrelid = ANY ({listed})",
    )


def read_state(answer: str) -> State:
    """Read the query's answer."""
    parts: dict[str, list[list[Any]] | None] = json.loads(answer) if answer else {}
    columns: dict[int, dict[int, Column]] = {}
    for oid, number, *column in parts.get("columns") or ():
        columns.setdefault(oid, {})[number] = Column(*column)
    foreign_keys: dict[str, frozenset[int]] = {}
    for name, oid in parts.get("foreign_keys") or ():
        foreign_keys[name] = foreign_keys.get(name, frozenset()) | {oid}
    relations = {
        oid: Relation(oid, schema, name, kind, file, table, scans, columns.get(oid, {}))
        for oid, schema, name, kind, file, table, scans in parts.get("relations") or ()
    }
    return State(relations, foreign_keys)
