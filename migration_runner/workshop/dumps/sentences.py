"""The objects as the subjects of sentences."""

from __future__ import annotations

from typing import Final

from migration_runner.workshop.dumps.objects import ObjectName
from migration_runner.workshop.dumps.sql import quote, table_of

_KINDS: Final = {
    "enum": "enum type",
    "check": "check constraint",
    "unique": "unique constraint",
    "exclusion": "exclusion constraint",
    "domain check": "check constraint",
}
_ON_TABLE: Final = "The {kind} {name} on {table}"
_TEMPLATES: Final = {
    "column": "The column {table}.{name}",
    "serial": "The sequence of {table}.{name}",
    "primary key": "The primary key of {table}",
    "not null": "NOT NULL of {table}",
    "partition": "The partition {table}",
    "row security": "Row security of {table}",
    "forced row security": "Forced row security of {table}",
    "replica identity": "The replica identity of {table}",
    "cluster": "The clustering of {table}",
    "index": "The index {name}",
    "other": "The result of {name} ...",
    "check": _ON_TABLE,
    "unique": _ON_TABLE,
    "exclusion": _ON_TABLE,
    "foreign key": _ON_TABLE,
    "domain check": _ON_TABLE,
    "trigger": _ON_TABLE,
    "policy": _ON_TABLE,
    "rule": _ON_TABLE,
}


def subject(name: ObjectName) -> str:
    """Return an object's name as the beginning of a sentence."""
    if name.kind == "comment":
        return _comment(name)
    template = _TEMPLATES.get(name.kind, "The {kind} {schema}{name}")
    return template.format(
        kind=_KINDS.get(name.kind, name.kind),
        table=table_of(name),
        name=name.name,
        schema=f"{quote(name.schema)}." if name.schema else "",
    )


def _comment(name: ObjectName) -> str:
    kind, _, own = name.name.partition(" ")
    if not name.table:
        return f"The comment on {kind.lower()} {own}"
    if kind == "TABLE":
        return f"The comment on the table {table_of(name)}"
    if kind == "COLUMN":
        return f"The comment on {table_of(name)}.{own}"
    return f"The comment on the {kind.lower()} {own} on {table_of(name)}"
