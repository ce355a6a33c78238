"""A dump's objects: none is lost, and each has its own name."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.workshop.dumps.columns import Column, parse_column
from migration_runner.workshop.dumps.lexer import Kind, statements, tokens
from migration_runner.workshop.dumps.objects import ObjectName
from migration_runner.workshop.dumps.parsing import parse
from tests.unit.workshop.dumps.sample import SAMPLE

_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1)
_VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def test_every_name_and_literal_of_a_dump_is_in_an_object() -> None:
    kinds = (Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.DOLLAR, Kind.NUMBER)
    schema = parse(SAMPLE)
    kept = " ".join(
        f"{text} {name.schema} {name.table} {name.name}" for name, text in schema.items()
    )

    # Settings, and the key words that begin a statement.
    known = {"SET", "SELECT", "CREATE", "ALTER", "TABLE", "ONLY", "ADD", "CONSTRAINT", "COLUMN"}
    known |= {"DEFAULT", "TYPE", "ENUM", "DOMAIN", "SEQUENCE", "EXTENSION", "IF", "NOT", "EXISTS"}
    known |= {"SCHEMA", "OWNED", "BY", "AS", "UNLOGGED"}
    lost = {
        token.identifier
        for statement in statements(SAMPLE)
        if not statement.startswith(("SET ", "SELECT pg_catalog.set_config"))
        for token in tokens(statement)
        if token.kind in kinds and token.text not in known and token.identifier not in kept
    }
    # The names of NOT NULL constraints do not count.
    assert {"nn", "parent_a_not_null"} == lost


def test_every_statement_of_a_dump_is_an_object_or_part_of_one() -> None:
    known = Counter(name.kind for name in parse(SAMPLE))

    assert {
        "schema": 1, "collation": 1, "extension": 2, "type": 2, "enum": 1, "domain": 1,
        "domain check": 1, "function": 2, "procedure": 1, "aggregate": 1, "table": 8, "column": 24,
        "check": 2, "sequence": 2, "sequence owner": 1, "view": 1, "materialized view": 1,
        "partition": 2, "primary key": 5, "unique": 2, "exclusion": 1, "foreign key": 2, "index": 6,
        "statistics": 1, "rule": 1, "trigger": 2, "policy": 1, "row security": 1,
        "forced row security": 1, "replica identity": 1, "cluster": 1, "comment": 12, "other": 7,
    } == dict(known)  # fmt: skip


@given(_NAMES, _NAMES, _NAMES, _VALUES, _VALUES)
def test_any_name_and_any_text_is_read_back(
    schema: str, table: str, column: str, default: str, comment: str
) -> None:
    own = f"{_quoted(schema)}.{_quoted(table)}"
    dump = (
        f"--\n-- Name: {table}; Type: TABLE; Schema: {schema}; Owner: -\n--\n\n"
        f"CREATE TABLE {own} (\n    {_quoted(column)} text DEFAULT {_literal(default)} NOT NULL,\n"
        f"    CONSTRAINT {_quoted(column)} CHECK (({_quoted(column)} <> {_literal(comment)}))\n);\n"
        f"COMMENT ON COLUMN {own}.{_quoted(column)} IS {_literal(comment)};\n"
        f"CREATE INDEX {_quoted(column)} ON {own} USING btree ({_quoted(column)});\n"
    )

    assert {
        ObjectName("table", schema, "", table): "TABLE",
        ObjectName("column", schema, table, column): f"text DEFAULT {_literal(default)} NOT NULL",
        ObjectName("check", schema, table, column): (
            f"CHECK (({_quoted(column)} <> {_literal(comment)}))"
        ),
        ObjectName("comment", schema, table, f"COLUMN {column}"): (
            f"COMMENT ON COLUMN {own}.{_quoted(column)} IS {_literal(comment)}"
        ),
        ObjectName("index", schema, table, column): (
            f"CREATE INDEX {_quoted(column)} ON {own} USING btree ({_quoted(column)})"
        ),
    } == parse(dump)


_DEFAULTS = st.sampled_from(
    ["", "0", "now()", "'NOT NULL'::text", "(1 + 2)", "CURRENT_DATE", "'a''b'", "CASE WHEN (1) END"]
)
_COLUMNS = st.builds(
    Column,
    type=st.sampled_from(["text", "numeric(10,2)", "timestamp(3) with time zone", "public.m[]"]),
    collation=st.sampled_from(["", 'pg_catalog."C"', 'public."DEFAULT"']),
    default=_DEFAULTS,
    not_null=st.booleans(),
    storage=st.sampled_from(["", "EXTERNAL"]),
    compression=st.sampled_from(["", "lz4"]),
    statistics=st.sampled_from(["", "500"]),
    settings=st.sampled_from(["", "(n_distinct=5)"]),
    options=st.sampled_from(["", "(a 'b')"]),
)
_SPECIAL = st.sampled_from(
    [
        Column("bigint", identity="ALWAYS", sequence_options="START WITH 5 CACHE 1", not_null=True),
        Column("bigint", identity="BY DEFAULT", sequence='public."NO x"', sequence_options="CYCLE"),
        Column("int", generated="((a * 2))", stored=True, not_null=True),
        Column("int", generated="((a * 2))"),
    ]
)


@given(_COLUMNS | _SPECIAL)
def test_a_column_s_text_is_read_back(column: Column) -> None:
    assert column == parse_column(column.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int DEFAULT 3 CONSTRAINT nn NOT NULL NO INHERIT", "int DEFAULT 3 NOT NULL NO INHERIT"),
        (
            "text DEFAULT 'x' NOT NULL COLLATE public.c",
            "text COLLATE public.c DEFAULT 'x' NOT NULL",
        ),
    ],
)
def test_columns_in_the_orders_of_all_releases_have_one_text(text: str, expected: str) -> None:
    assert expected == parse_column(text).text


def test_an_identity_s_sequence_keeps_its_name() -> None:
    text = (
        'int GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME public."a  b"\n    START WITH 1\n)'
    )

    found = parse_column(text)

    assert ('public."a  b"', "START WITH 1") == (found.sequence, found.sequence_options)


def test_the_server_s_version_is_known() -> None:
    assert 18 == parse(SAMPLE).major
