"""The names of constraints, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from migration_runner.workshop.dumps.cursor import Cursor
from migration_runner.workshop.dumps.lexer import tokens
from migration_runner.workshop.dumps.objects import Schema

_KINDS: Final = ("unique", "foreign key")


def constraint_names(
    schema: Schema,
) -> Mapping[tuple[str, str, str, tuple[str, ...]], Sequence[str]]:
    """Return the names of constraints by schema, table, kind and columns."""
    names: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for each, text in schema.items():
        if each.kind in _KINDS:
            cursor = Cursor(text)
            cursor.until(frozenset("("))
            columns = tuple(
                token.identifier for token in tokens(cursor.parentheses()) if token.text != ","
            )
            key = each.schema, each.table, each.kind, columns
            names.setdefault(key, []).append(each.name)
    return names
