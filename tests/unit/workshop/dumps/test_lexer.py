"""Statements and tokens, whatever is in names, literals and bodies."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from migration_runner.workshop.dumps.lexer import statements, tokens
from migration_runner.workshop.dumps.sql import literals, quote, unqualified

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_LITERALS = _TEXTS.map(lambda text: "'" + text.replace("'", "''") + "'")
_NAMES = _TEXTS.map(lambda text: '"' + text.replace('"', '""') + '"')
_BODIES = _TEXTS.filter(lambda text: "$" not in text).map(lambda text: f"$_${text}$_$")
_STATEMENTS = st.lists(_LITERALS | _NAMES | _BODIES | st.sampled_from(["AS", "(", ")", ",", "3"]))


@given(st.lists(_STATEMENTS))
def test_statements_are_found_whatever_is_in_them(parts: list[list[str]]) -> None:
    # Parentheses are balanced in a dump.
    written = [
        " ".join(["CREATE", *(word for word in part if word not in {"(", ")"})]) for part in parts
    ]
    dump = "".join(f"\n--\n-- Name: x'; Type: \"\n--\n\n{each};\n" for each in written)

    assert written == list(statements(dump))


@given(_TEXTS)
def test_tokens_are_pieces_of_the_text_in_its_order(text: str) -> None:
    found = tokens(text)

    assert [text[token.start : token.end] for token in found] == [token.text for token in found]
    assert sorted(token.start for token in found) == [token.start for token in found]


@given(st.lists(st.text(), min_size=1))
def test_literals_are_read_back(values: list[str]) -> None:
    labels = ", ".join("'" + value.replace("'", "''") + "'" for value in values)

    assert values == literals(labels)


def test_a_routine_s_block_is_one_statement() -> None:
    body = "BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END; SELECT 2;\nEND"
    dump = f"CREATE PROCEDURE p()\n    LANGUAGE sql\n    {body};\nCREATE TABLE t ();\n"

    assert [dump.splitlines()[0], "CREATE TABLE t ()"] == [
        statement.splitlines()[0] for statement in statements(dump)
    ]


def test_a_rule_s_commands_are_one_statement() -> None:
    dump = "CREATE RULE r AS ON DELETE TO t DO ALSO ( SELECT 1; SELECT 2; );"

    assert [dump[:-1]] == list(statements(dump))


def test_psql_s_commands_are_left_out() -> None:
    assert ["SELECT 1"] == list(statements("\\restrict abc\n\nSELECT 1;\n\\unrestrict abc\n"))


def test_a_quote_that_is_not_closed_costs_no_time() -> None:
    started = time.process_time()
    tokens("the type's " + "words " * 5000)

    assert time.process_time() - started < 5


def test_names_are_quoted_where_they_need_it() -> None:
    assert ["a", '"A"', '"order"', '"a b"', '"a""b"', ""] == [
        quote(name) for name in ("a", "A", "order", "a b", 'a"b', "")
    ]


def test_the_default_schema_is_left_out_of_names_only() -> None:
    statement = 'ALTER TABLE public."T" SET DEFAULT f(\'public.x\', "public".y, stock.z, public)'

    expected = "ALTER TABLE \"T\" SET DEFAULT f('public.x', y, stock.z, public)"
    assert expected == unqualified(statement, "public")


def test_the_default_schema_is_left_out_of_a_sequence_s_name() -> None:
    statement = "nextval('public.a_seq'::regclass) || 'public.a_seq'::text"

    assert "nextval('a_seq'::regclass) || 'public.a_seq'::text" == unqualified(statement, "public")
