"""A dump's text, taken apart into the objects of a schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from migration_runner.workshop.dumps.comments import comment_name
from migration_runner.workshop.dumps.cursor import Cursor, one_line, split
from migration_runner.workshop.dumps.domains import read_domain
from migration_runner.workshop.dumps.lexer import statements
from migration_runner.workshop.dumps.objects import ObjectName, Schema, server_major
from migration_runner.workshop.dumps.tables import read_alter_table, read_create_table

_SETTINGS: Final = re.compile(r"SET \w+ = |SELECT pg_catalog\.set_config\(")
_METHOD: Final = re.compile(r"SET default_table_access_method = (\w+)")
_HEAD_WORDS: Final = 12


def parse(dump: str) -> Schema:
    """Return the objects of a plain-text dump, which `dump.dump_schema` makes."""
    schema = Schema()
    schema.major = server_major(dump)
    parser = _Parser(schema)
    for statement in statements(dump):
        parser.read(statement)
    return schema


class _Parser:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._method = ""

    def read(self, statement: str) -> None:
        if _SETTINGS.match(statement):
            if found := _METHOD.match(statement):
                self._method = "" if found[1] == "heap" else found[1]
            return
        cursor = Cursor(statement)
        if self._domain_or_table(cursor, statement):
            return
        handler = next((handler for start, handler in _HANDLERS if cursor.take(start)), None)
        name, text = handler(cursor, statement) if handler else _other(statement)
        self.add(name, text)

    def add(self, name: ObjectName, text: str) -> None:
        if name in self._schema and self._schema[name] != text:
            # A view that is made twice, for a cycle; a kind of object without a name of its own.
            text = f"{self._schema[name]};\n{text}"
        self._schema[name] = text

    def _domain_or_table(self, cursor: Cursor, statement: str) -> bool:
        """Read a statement on one of them, which has several objects; return whether it is one."""
        return (
            read_domain(self._schema, cursor)
            or read_create_table(self._schema, cursor, self._method)
            or read_alter_table(self._schema, cursor, statement)
        )


_Handler = Callable[[Cursor, str], tuple[ObjectName, str]]


def _of_no_table(kind: str) -> _Handler:
    def handle(cursor: Cursor, _statement: str) -> tuple[ObjectName, str]:
        schema, name = cursor.qualified()
        return ObjectName(kind, schema, "", name), one_line(cursor.rest())

    return handle


def _whole(kind: str) -> _Handler:
    def handle(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
        schema, name = cursor.qualified()
        return ObjectName(kind, schema, "", name), statement

    return handle


def _type(cursor: Cursor, _statement: str) -> tuple[ObjectName, str]:
    schema, name = cursor.qualified()
    if cursor.take("AS ENUM"):
        labels = ", ".join(split(cursor.parentheses()))
        return ObjectName("enum", schema, "", name), labels
    return ObjectName("type", schema, "", name), one_line(cursor.rest())


def _routine(kind: str) -> _Handler:
    def handle(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
        schema, name = cursor.qualified()
        arguments = [
            # All but the default is what identifies it, for DROP and COMMENT.
            Cursor(one_line(argument)).until(frozenset({"DEFAULT"}))
            for argument in split(cursor.parentheses())
        ]
        return ObjectName(kind, schema, "", f"{name}({', '.join(arguments)})"), statement

    return handle


def _index(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
    name = cursor.next().identifier
    cursor.take("ON")
    cursor.take("ONLY")
    schema, table = cursor.qualified()
    return ObjectName("index", schema, table, name), statement


def _on_table(kind: str) -> _Handler:
    def handle(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
        name = cursor.next().identifier
        while not cursor.done and not (cursor.take("ON") or cursor.take("TO")):
            cursor.next()
        if cursor.peek() in {"INSERT", "UPDATE", "DELETE", "SELECT"}:
            # CREATE RULE r AS ON INSERT TO ...
            cursor.next()
            cursor.take("TO")
        schema, table = cursor.qualified()
        return ObjectName(kind, schema, table, name), statement

    return handle


def _comment(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
    return comment_name(cursor), statement


def _statistics(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
    schema, name = cursor.qualified()
    cursor.until(frozenset({"FROM"}))
    cursor.take("FROM")
    _, table = cursor.qualified()
    return ObjectName("statistics", schema, table, name), statement


def _owner(cursor: Cursor, statement: str) -> tuple[ObjectName, str]:
    sequence = cursor.until(frozenset({"OWNED", "SET"}))
    if not cursor.take("OWNED BY"):
        return _other(statement)
    *schema, table, column = cursor.path()
    return ObjectName("sequence owner", ".".join(schema), table, column), sequence


def _other(statement: str) -> tuple[ObjectName, str]:
    head = Cursor(statement)
    words = [head.next().text for _ in range(_HEAD_WORDS)]
    return ObjectName("other", "", "", " ".join(words).strip()), statement


_HANDLERS: Final = (
    ("CREATE SCHEMA", _of_no_table("schema")),
    ("CREATE EXTENSION IF NOT EXISTS", _of_no_table("extension")),
    ("CREATE COLLATION", _whole("collation")),
    ("CREATE TYPE", _type),
    ("CREATE FUNCTION", _routine("function")),
    ("CREATE PROCEDURE", _routine("procedure")),
    ("CREATE AGGREGATE", _routine("aggregate")),
    ("CREATE SEQUENCE", _of_no_table("sequence")),
    ("CREATE UNLOGGED SEQUENCE", _of_no_table("sequence")),
    ("ALTER SEQUENCE", _owner),
    ("CREATE VIEW", _whole("view")),
    ("CREATE OR REPLACE VIEW", _whole("view")),
    ("CREATE MATERIALIZED VIEW", _whole("materialized view")),
    ("CREATE UNIQUE INDEX", _index),
    ("CREATE INDEX", _index),
    ("CREATE TRIGGER", _on_table("trigger")),
    ("CREATE CONSTRAINT TRIGGER", _on_table("trigger")),
    ("CREATE POLICY", _on_table("policy")),
    ("CREATE RULE", _on_table("rule")),
    ("CREATE STATISTICS", _statistics),
    ("COMMENT ON", _comment),
)
