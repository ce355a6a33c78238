"""CREATE TABLE and ALTER TABLE, as a dump has them."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.cursor import Cursor, one_line, split
from migration_runner.workshop.dumps.objects import ObjectName, Schema

_TABLES: Final = (
    ("CREATE TABLE", "TABLE"),
    ("CREATE UNLOGGED TABLE", "UNLOGGED TABLE"),
    ("CREATE FOREIGN TABLE", "FOREIGN TABLE"),
)
_CONSTRAINTS: Final = (
    ("CHECK", "check"),
    ("PRIMARY KEY", "primary key"),
    ("UNIQUE", "unique"),
    ("FOREIGN KEY", "foreign key"),
    ("EXCLUDE", "exclusion"),
    ("NOT NULL", "not null"),
)
_SETTINGS: Final = (
    ("SET DEFAULT", "default"),
    ("SET STORAGE", "storage"),
    ("SET COMPRESSION", "compression"),
    ("SET STATISTICS", "statistics"),
    ("SET", "settings"),
)
_PROPERTIES: Final = (
    ("REPLICA IDENTITY", "replica identity"),
    ("CLUSTER ON", "cluster"),
    ("ENABLE ROW LEVEL SECURITY", "row security"),
    ("FORCE ROW LEVEL SECURITY", "forced row security"),
)


def read_create_table(schema: Schema, cursor: Cursor, method: str) -> bool:
    """Add a table, its columns and checks to a schema; return whether the statement makes one.

    `method` is its access method, "" for heap.
    """
    kind = next((kind for start, kind in _TABLES if cursor.take(start)), None)
    if kind is None:
        return False
    of, table = cursor.qualified()
    typed = cursor.until(frozenset("("))
    elements = split(cursor.parentheses()) if cursor.peek() == "(" else []
    parts = [kind, typed, one_line(cursor.rest()), method and f"USING {method}"]
    schema[ObjectName("table", of, "", table)] = " ".join(part for part in parts if part)
    for text in elements:
        element = Cursor(text)
        if element.peek() == "CONSTRAINT":
            _add_constraint(schema, of, table, element)
        else:
            column = ObjectName("column", of, table, element.next().identifier)
            schema[column] = parse_column(element.rest()).text
    return True


def read_alter_table(schema: Schema, cursor: Cursor, statement: str) -> bool:
    """Add what ALTER TABLE says to a schema; return whether that is understood."""
    start = cursor.mark()
    if cursor.take("ALTER TABLE") or cursor.take("ALTER FOREIGN TABLE"):
        cursor.take("ONLY")
        of, table = cursor.qualified()
        if cursor.take("ALTER COLUMN"):
            column = ObjectName("column", of, table, cursor.next().identifier)
            if _alter_column(schema, column, cursor):
                return True
        elif cursor.take("ADD") and cursor.peek() == "CONSTRAINT":
            _add_constraint(schema, of, table, cursor)
            return True
        elif cursor.take("ATTACH PARTITION"):
            child_of, child = cursor.qualified()
            schema[ObjectName("partition", child_of, child, "")] = one_line(statement)
            return True
        elif kind := next((kind for words, kind in _PROPERTIES if cursor.take(words)), None):
            schema[ObjectName(kind, of, table, "")] = statement
            return True
    cursor.reset(start)
    return False


def _alter_column(schema: Schema, name: ObjectName, cursor: Cursor) -> bool:
    """Change a column that is there; one that is inherited is not."""
    if name not in schema:
        return False
    column = parse_column(schema[name])
    if cursor.take("ADD"):
        # GENERATED ... AS IDENTITY (...)
        column = parse_column(f"{column.text} {one_line(cursor.rest())}")
    else:
        field = next((field for start, field in _SETTINGS if cursor.take(start)), None)
        if field is None:
            return False
        text: dict[str, Any] = {field: cursor.rest()}
        column = dataclasses.replace(column, **text)
    schema[name] = column.text
    return True


def _add_constraint(schema: Schema, of: str, table: str, cursor: Cursor) -> None:
    """Read a constraint from CONSTRAINT on."""
    cursor.take("CONSTRAINT")
    name = cursor.next().identifier
    kind = next(kind for start, kind in _CONSTRAINTS if Cursor(cursor.ahead).take(start))
    text = cursor.rest()
    if kind == "not null":
        # Its name does not count, as in a column's definition.
        name = text
    schema[ObjectName(kind, of, table, name)] = text
