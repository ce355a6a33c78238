"""How an enum type gets other labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from migration_runner.database.sql_literals import plain_literal
from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.lexer import Kind, tokens
from migration_runner.workshop.dumps.objects import ObjectName
from migration_runner.workshop.dumps.sql import literals, qualified, quote, table_of

ONLY_ADDED: Final = (
    "PostgreSQL cannot remove a value of an enum type: the downgrade leaves it. A new value cannot"
    " be used in the transaction that adds it; use it in a later revision."
)
_ADD: Final = "ADD VALUE IF NOT EXISTS"


def added_labels(schema: str, models: str) -> tuple[str, ...] | None:
    """Return what to add to an enum's labels, as ADD VALUE has it; None if that is not enough."""
    old, new = literals(schema), literals(models)
    if [label for label in new if label in old] != old:
        return None
    clauses = []
    for position, label in enumerate(new):
        if label in old:
            continue
        if position:
            place = f" AFTER {plain_literal(new[position - 1])}"
        else:
            place = f" BEFORE {plain_literal(old[0])}" if old else ""
        clauses.append(f"{_ADD} {plain_literal(label)}{place}")
    return tuple(clauses)


def adds_value(statement: str) -> bool:
    """Whether a statement that was written here adds a value, which it may do again."""
    return statement.startswith("ALTER TYPE ") and f" {_ADD} " in statement


def conversion(enum: ObjectName, labels: str, objects: Mapping[ObjectName, str]) -> tuple[str, ...]:
    """Return the statements that put a new type with these labels in an enum's place."""
    own = qualified(enum.schema, enum.name)
    old = quote(f"{enum.name}_old")
    changes: list[str] = []
    for name in columns_of(enum, objects):
        column = parse_column(objects[name])
        alter = f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)}"
        if column.default:
            changes.append(f"{alter} DROP DEFAULT")
        text_type = f"text{'[]' if column.type.endswith('[]') else ''}"
        using = f"{quote(name.name)}::{text_type}::{column.type}"
        changes.append(f"{alter} TYPE {column.type} USING {using}")
        if column.default:
            changes.append(f"{alter} SET DEFAULT {column.default}")
    return (
        f"ALTER TYPE {own} RENAME TO {old}",
        f"CREATE TYPE {own} AS ENUM ({labels})",
        *changes,
        f"DROP TYPE {qualified(enum.schema, f'{enum.name}_old')}",
    )


def advice(enum: ObjectName, schema: str, models: str, objects: Mapping[ObjectName, str]) -> str:
    """Say how values are removed, renamed or put into another order."""
    old, new = literals(schema), literals(models)
    removed = [label for label in old if label not in new]
    added = [label for label in new if label not in old]
    own = qualified(enum.schema, enum.name)
    said = []
    if len(old) == len(new) and len(removed) == len(added):
        pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        if pairs and all(a in removed and b in added for a, b in pairs):
            renames = "\n".join(
                f"    ALTER TYPE {own} RENAME VALUE {plain_literal(a)} TO {plain_literal(b)};"
                for a, b in pairs
            )
            said.append(f"If values were renamed, write:\n{renames}")
    what = "removed" if removed else "put into another order"
    first = f"First change the rows that have {_list(removed)}. " if removed else ""
    steps = "\n".join(f"    {line};" for line in conversion(enum, models, objects))
    said.append(
        f"PostgreSQL has no statement by which the values of an enum type are {what}."
        f" {first}A new type takes the place of the old one; each column is rewritten under an"
        f" ACCESS EXCLUSIVE lock:\n{steps}"
    )
    return "\n".join(said)


def columns_of(enum: ObjectName, objects: Mapping[ObjectName, str]) -> list[ObjectName]:
    """Return the columns of this type, or of arrays of it."""
    names = {qualified(enum.schema, enum.name), f"{qualified(enum.schema, enum.name)}[]"}
    return [
        name
        for name, text in objects.items()
        if name.kind == "column" and parse_column(text).type in names
    ]


def uses(texts: Iterable[str], enum: ObjectName) -> bool:
    """Whether one of these definitions names a type."""
    return any(_names(text, enum) for text in texts)


def _names(text: str, enum: ObjectName) -> bool:
    if enum.name not in text:
        return False
    # A function's body is a text of its own, in which anything may be.
    return any(
        token.identifier == enum.name or (token.kind is Kind.DOLLAR and enum.name in token.text)
        for token in tokens(text)
    )


def _list(labels: list[str]) -> str:
    return ", ".join(plain_literal(label) for label in labels)
