"""The statements that change a column's definition, clause by clause."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from migration_runner.workshop.dumps.columns import Column
from migration_runner.workshop.dumps.objects import ObjectName
from migration_runner.workshop.dumps.sequences import alter_options, continue_after
from migration_runner.workshop.dumps.sql import quote, table_of

_SET_EXPRESSION: Final = 17
_SET_STORAGE_DEFAULT: Final = 16
_WORDS: Final = {
    "type": "the type {}",
    "collation": "the collation {}",
    "default": "DEFAULT {}",
    "generated": "GENERATED ALWAYS AS {}",
    "identity": "GENERATED {} AS IDENTITY",
    "sequence_options": "an identity sequence with {}",
    "storage": "STORAGE {}",
    "compression": "COMPRESSION {}",
    "statistics": "STATISTICS {}",
    "settings": "SET {}",
    "options": "OPTIONS {}",
}
_DEFAULTS: Final = {
    "collation": "the default collation",
    "default": "no default",
    "generated": "no generated value",
    "identity": "no identity",
    "sequence_options": "none",
    "storage": "the default storage",
    "compression": "the default compression",
    "statistics": "the default statistics target",
    "settings": "no settings",
    "options": "no options",
}


@dataclass(frozen=True)
class ColumnChange:
    """What makes one column of another; "" where nothing has to be known besides."""

    statements: tuple[str, ...]
    advice: str = ""


def change_column(name: ObjectName, old: Column, new: Column, major: int) -> ColumnChange:
    """Return how to change a column of a server of this major version."""
    if (old.generated, old.stored) != (new.generated, new.stored):
        return _change_generated(name, old, new, major)
    alter = f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)}"
    statements: list[str] = []
    advice = []
    if old.identity and not new.identity:
        statements.append(f"{alter} DROP IDENTITY")
    if (old.type, old.collation) != (new.type, new.collation):
        statements += _change_type(alter, name, old, new)
        if old.type != new.type:
            advice.append(_OTHER_TYPE)
    elif old.default != new.default:
        statements.append(_default(alter, new))
    if old.not_null != new.not_null:
        statements.append(f"{alter} {'SET' if new.not_null else 'DROP'} NOT NULL")
        advice += [_NOT_NULL] if new.not_null else []
    statements += _change_identity(alter, name, old, new)
    if old.storage and not new.storage and major < _SET_STORAGE_DEFAULT:
        advice.append(_STORAGE)
        new = dataclasses.replace(new, storage=old.storage)
    statements += _change_words(alter, old, new)
    if old.settings != new.settings:
        statements += _change_settings(alter, old.settings, new.settings)
    return ColumnChange(tuple(statements), " ".join(advice))


_OTHER_TYPE: Final = (
    "Another type may rewrite the table, under an ACCESS EXCLUSIVE lock; USING says how values are"
    " converted."
)
_NOT_NULL: Final = (
    "SET NOT NULL reads the whole table under an ACCESS EXCLUSIVE lock, unless a validated CHECK"
    " constraint shows that there are no nulls."
)
_REPLACED: Final = (
    "The column is dropped and added again: its values are lost, and so are the indexes,"
    " constraints and comments that it has."
)
_STORAGE: Final = "Before PostgreSQL 16, SET STORAGE needs the storage that is usual for the type."
_REWRITE: Final = "A stored generated column is computed anew for each row, under a strong lock."


def describe_difference(schema: Column, models: Column) -> str:
    """Say in what two columns differ, as the end of a sentence."""
    said = []
    for field, words in _WORDS.items():
        one, other = getattr(models, field), getattr(schema, field)
        if one == other or (
            field == "sequence_options" and not (schema.identity and models.identity)
        ):
            continue
        ours = words.format(one) if one else _DEFAULTS[field]
        theirs = words.format(other) if other else _DEFAULTS[field]
        said.append(f"has {ours} in the models, and {theirs} in the history")
    if models.stored != schema.stored and models.generated and schema.generated:
        said.append(_said(("virtual", "stored"), schema.stored, models.stored))
    if models.not_null != schema.not_null:
        said.append(_said(("nullable", "NOT NULL"), schema.not_null, models.not_null))
    return "; ".join(said)


def _said(kinds: tuple[str, str], schema: bool, models: bool) -> str:  # noqa: FBT001 - positions
    return f"is {kinds[models]} in the models, and {kinds[schema]} in the history"


def _default(alter: str, column: Column) -> str:
    return f"{alter} SET DEFAULT {column.default}" if column.default else f"{alter} DROP DEFAULT"


def _change_type(alter: str, name: ObjectName, old: Column, new: Column) -> list[str]:
    """Change type and collation; a default may not be convertible, and is set anew."""
    collation = f" COLLATE {new.collation}" if new.collation else ""
    using = f" USING {quote(name.name)}{_cast(old.type, new.type)}" if old.type != new.type else ""
    statements = [f"{alter} DROP DEFAULT"] if old.default else []
    statements.append(f"{alter} TYPE {new.type}{collation}{using}")
    return [*statements, _default(alter, new)] if new.default else statements


def _cast(old: str, new: str) -> str:
    """Return a cast; between two types that are not the server's own, there is only text's."""
    if "." in old and "." in new:
        return f"::text{'[]' if new.endswith('[]') else ''}::{new}"
    return f"::{new}"


def _change_identity(alter: str, name: ObjectName, old: Column, new: Column) -> list[str]:
    if not new.identity:
        return []
    if not old.identity:
        options = f" ({new.sequence_options})" if new.sequence_options else ""
        return [
            f"{alter} ADD GENERATED {new.identity} AS IDENTITY{options}",
            continue_after(name),
        ]
    statements = []
    if old.identity != new.identity:
        statements.append(f"{alter} SET GENERATED {new.identity}")
    if old.sequence_options != new.sequence_options:
        options = alter_options(new.sequence_options, identity=True)
        statements.append(f"{alter} {options}")
    return statements


def _change_words(alter: str, old: Column, new: Column) -> list[str]:
    words = (("STORAGE", "DEFAULT"), ("COMPRESSION", "DEFAULT"), ("STATISTICS", "-1"))
    return [
        f"{alter} SET {word} {getattr(new, word.lower()) or default}"
        for word, default in words
        if getattr(old, word.lower()) != getattr(new, word.lower())
    ]


def _change_settings(alter: str, old: str, new: str) -> list[str]:
    statements = []
    if old:
        names = ", ".join(part.partition("=")[0].strip() for part in old.strip("()").split(","))
        statements.append(f"{alter} RESET ({names})")
    return [*statements, f"{alter} SET {new}"] if new else statements


def _change_generated(name: ObjectName, old: Column, new: Column, major: int) -> ColumnChange:
    table, column = table_of(name), quote(name.name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    same_otherwise = dataclasses.replace(old, generated="", stored=False) == dataclasses.replace(
        new, generated="", stored=False
    )
    if same_otherwise and old.generated and new.generated and old.stored == new.stored:
        if major >= _SET_EXPRESSION:
            advice = _REWRITE if new.stored else ""
            return ColumnChange((f"{alter} SET EXPRESSION AS {new.generated}",), advice)
    elif same_otherwise and old.stored and not new.generated:
        return ColumnChange((f"{alter} DROP EXPRESSION",))
    return ColumnChange(
        (
            f"ALTER TABLE {table} DROP COLUMN {column}",
            f"ALTER TABLE {table} ADD COLUMN {column} {new.definition}",
        ),
        _REPLACED,
    )
