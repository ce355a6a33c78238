"""The names of a schema's constraints, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from migration_runner.project.directives import ConstraintKey
from migration_runner.workshop.dumps.cursor import Cursor, split
from migration_runner.workshop.dumps.lexer import tokens
from migration_runner.workshop.dumps.objects import Schema

_KINDS: Final = ("unique", "foreign key")


def new_constraint_names(models: Schema, migrated: Schema) -> Mapping[ConstraintKey, Sequence[str]]:
    """Return the names that constraints have in the models' schema, and not yet in the other."""
    names: dict[ConstraintKey, list[str]] = {}
    for each, text in models.items():
        if each.kind in _KINDS and each not in migrated:
            cursor = Cursor(text)
            cursor.until(frozenset("("))
            columns = [tokens(part)[0].identifier for part in split(cursor.parentheses())]
            key = each.schema, each.table, each.kind, tuple(columns)
            names.setdefault(key, []).append(each.name)
    return names
