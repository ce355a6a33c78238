"""Alembic's differences between models and database, in words."""

from __future__ import annotations

from typing import Any

import sqlalchemy


def describe_difference(difference: Any) -> str:
    """Return one of `as_diffs()`'s entries as a line: `add_column orders.country`.

    https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html#alembic.autogenerate.compare_metadata
    """
    if isinstance(difference, list):
        return "; ".join(map(describe_difference, difference))
    kind, *rest = difference
    if kind.startswith("modify_"):
        schema, table, column, *_, old, new = rest
        return f"{kind} {_qualified(schema, table)}.{column}: {_shown(old)} -> {_shown(new)}"
    if kind.endswith("_column"):
        schema, table, column = rest
        return f"{kind} {_qualified(schema, table)}.{column.name}"
    thing = rest[0]
    if isinstance(thing, sqlalchemy.Table):
        return f"{kind} {thing.fullname}"
    table = getattr(thing, "table", None)
    name = getattr(thing, "name", None) or repr(thing)
    return f"{kind} {name}" + (f" on {table.fullname}" if table is not None else "")


def _shown(value: Any) -> str:
    """Return a server default's SQL; anything else as `str` has it."""
    return str(value.arg if isinstance(value, sqlalchemy.DefaultClause) else value)


def _qualified(schema: str | None, table: str) -> str:
    return f"{schema}.{table}" if schema else table
