"""The statements that change an object which both schemas have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migration_runner.workshop.dumps import enums, indexes
from migration_runner.workshop.dumps.column_changes import change_column
from migration_runner.workshop.dumps.column_changes import (
    describe_difference as describe_column_difference,
)
from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.definitions import Definitions, serial_options
from migration_runner.workshop.dumps.objects import CONSTRAINTS, ObjectName
from migration_runner.workshop.dumps.prepared import Prepared
from migration_runner.workshop.dumps.sequences import alter_options, nextval
from migration_runner.workshop.dumps.sql import qualified, quote, table_of

CONCURRENTLY: Final = (
    "CREATE INDEX blocks writes to the table while it runs. On a live table, drop and create the"
    " index with CONCURRENTLY, in an autocommit_block."
)
_NOT_VALID: Final = " NOT VALID"
_PERSISTENCE: Final = {"TABLE": "LOGGED", "UNLOGGED TABLE": "UNLOGGED"}
_TABLE: Final = re.compile(r"(?P<kind>(?:\w+ )??TABLE)(?P<rest>.*?)(?: ?WITH (?P<with>\(.*?\)))?$")


@dataclass(frozen=True)
class Change:
    """How one becomes the other, in statements and in words (the end of a sentence)."""

    upgrade: tuple[str, ...] = ()
    downgrade: tuple[str, ...] = ()
    said: str = ""
    advice: str = ""


def change(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    """Return how an object is brought from the schema's definition to the models', and back."""
    if (handler := _HANDLERS.get(name.kind)) is not None:
        return handler(name, schema, models)
    old, new = schema.objects[name], models.objects[name]
    if name.kind in CONSTRAINTS and old == new + _NOT_VALID:
        return _validate(name, schema)
    up, down = _again(name, schema, models)
    advice = "" if up and down else f"The models have: {new}"
    return Change(up, down, _said(old, new), advice)


def _said(old: str, new: str) -> str:
    return f"is {_short(new)} in the models, and {_short(old)} in the history"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line or "without options"


def _again(
    name: ObjectName, schema: Prepared, models: Prepared
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Drop it and make it again."""
    there, wanted = Definitions(schema), Definitions(models)
    return there.drop(name) + wanted.create(name), wanted.drop(name) + there.create(name)


def _or_replace(statement: str) -> str:
    return statement.replace("CREATE ", "CREATE OR REPLACE ", 1)


def _validate(name: ObjectName, schema: Prepared) -> Change:
    constraint = quote(schema.names.get(name, name.name))
    there = Definitions(schema)
    return Change(
        (f"ALTER TABLE {table_of(name)} VALIDATE CONSTRAINT {constraint}",),
        there.drop(name) + there.add_constraint(name),
        "is validated in the models, and NOT VALID in the history",
    )


def _replace(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    return Change(
        (_or_replace(models.objects[name]),),
        (_or_replace(schema.objects[name]),),
        "has another definition in the models than in the history",
    )


def _column(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = parse_column(schema.objects[name]), parse_column(models.objects[name])
    up = change_column(name, old, new, schema.objects.major)
    down = change_column(name, new, old, schema.objects.major)
    return Change(up.statements, down.statements, describe_column_difference(old, new), up.advice)


def _index(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    up, down = _again(name, schema, models)
    said = indexes.describe_difference(old, new) or _said(old, new)
    return Change(up, down, said, CONCURRENTLY)


def _enum(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    said = f"has the values {new} in the models, and {old} in the history"
    added = enums.added_labels(old, new)
    if added is None:
        return Change(said=said, advice=enums.advice(name, old, new, schema.objects))
    own = qualified(name.schema, name.name)
    up = tuple(f"ALTER TYPE {own} {clause}" for clause in added)
    return Change(up, (), said, enums.ONLY_ADDED)


def _comment(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    return Change((new,), (old,), "is another text in the models than in the history")


def _sequence(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    own = f"ALTER SEQUENCE {qualified(name.schema, name.name)}"
    up, down = f"{own} {alter_options(new)}", f"{own} {alter_options(old)}"
    return Change((up,), (down,), _said(old, new))


def _table(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    up, down = _alter_table(name, old, new), _alter_table(name, new, old)
    advice = "" if up else "No statement changes this: make a new table, and copy the rows."
    return Change(up, down, _said(old, new), advice)


def _alter_table(name: ObjectName, old: str, new: str) -> tuple[str, ...]:
    """Change persistence and storage parameters; nothing else can be changed."""
    before, after = _TABLE.match(old), _TABLE.match(new)
    if before is None or after is None or before["rest"] != after["rest"]:
        return ()
    alter = f"ALTER TABLE {qualified(name.schema, name.name)}"
    statements = []
    if before["kind"] != after["kind"]:
        if not {before["kind"], after["kind"]} <= set(_PERSISTENCE):
            return ()
        statements.append(f"{alter} SET {_PERSISTENCE[after['kind']]}")
    if before["with"] != after["with"]:
        if before["with"]:
            parts = before["with"].strip("()").split(",")
            names = ", ".join(part.partition("=")[0].strip() for part in parts)
            statements.append(f"{alter} RESET ({names})")
        if after["with"]:
            statements.append(f"{alter} SET {after['with']}")
    return tuple(statements)


def _serial(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    up = _alter_serial(name, schema.names[name], old, new)
    down = _alter_serial(name, schema.names[name], new, old)
    return Change(up, down, _said(old, new))


def _alter_serial(name: ObjectName, sequence: str, old: str, new: str) -> tuple[str, ...]:
    (before, was_default), (after, is_default) = serial_options(old), serial_options(new)
    statements = []
    if before != after:
        statements.append(f"ALTER SEQUENCE {sequence} {alter_options(after)}")
    if was_default != is_default:
        what = f"SET DEFAULT {nextval(sequence)}" if is_default else "DROP DEFAULT"
        alter = f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)}"
        statements.append(f"{alter} {what}")
    return tuple(statements)


def _domain(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    old, new = schema.objects[name], models.objects[name]
    up, down = _alter_domain(name, old, new), _alter_domain(name, new, old)
    advice = "" if up else "PostgreSQL cannot change the type of a domain: make a new domain."
    return Change(up, down, _said(old, new), advice)


def _alter_domain(name: ObjectName, old: str, new: str) -> tuple[str, ...]:
    before, after = parse_column(old), parse_column(new)
    if (before.type, before.collation) != (after.type, after.collation):
        return ()
    alter = f"ALTER DOMAIN {qualified(name.schema, name.name)}"
    statements = []
    if before.default != after.default:
        what = f"SET DEFAULT {after.default}" if after.default else "DROP DEFAULT"
        statements.append(f"{alter} {what}")
    if before.not_null != after.not_null:
        statements.append(f"{alter} {'SET' if after.not_null else 'DROP'} NOT NULL")
    return tuple(statements)


def _by_hand(name: ObjectName, schema: Prepared, models: Prepared) -> Change:
    """Say what differs in something that cannot be dropped while it is used."""
    said = _said(schema.objects[name], models.objects[name])
    return Change(said=said, advice="It cannot be replaced while columns or functions use it.")


_HANDLERS: Final[dict[str, Callable[[ObjectName, Prepared, Prepared], Change]]] = {
    "column": _column,
    "comment": _comment,
    "domain": _domain,
    "enum": _enum,
    "extension": _by_hand,
    "function": _replace,
    "index": _index,
    "procedure": _replace,
    "sequence": _sequence,
    "serial": _serial,
    "table": _table,
    "type": _by_hand,
    "view": _replace,
}
