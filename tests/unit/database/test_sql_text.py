"""SQL as text: what nobody queues behind, and queries without somebody's data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.database.sql_text import (
    ConcurrentIndex,
    concurrent_index,
    shorten_query,
    waits_without_queue,
)

SECRET = "hunter2"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY one_id ON one (id)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON one (id)",
        "create index\n\tconcurrently if not exists one_id on shop.one (id)",
        "-- the old one was not used\nCREATE INDEX CONCURRENTLY one_id ON one (id);",
        "/* don't */ CREATE /* now */ INDEX CONCURRENTLY one_id ON one (id)",
        "DROP INDEX CONCURRENTLY IF EXISTS one_id, two_id",
        "REINDEX INDEX CONCURRENTLY one_id",
        "REINDEX (VERBOSE) TABLE CONCURRENTLY one",
        "REINDEX SCHEMA CONCURRENTLY shop",
        "REINDEX DATABASE CONCURRENTLY",
        "REINDEX (CONCURRENTLY) INDEX one_id",
        "REINDEX (VERBOSE, CONCURRENTLY true, TABLESPACE fast) TABLE one;",
        "ALTER TABLE one VALIDATE CONSTRAINT positive",
        " ALTER TABLE IF EXISTS ONLY shop.one VALIDATE CONSTRAINT positive ; ",
        'ALTER TABLE "Shop"."One""Two" VALIDATE CONSTRAINT "it\'s -- positive"',
        "ALTER TABLE one * VALIDATE CONSTRAINT positive -- at last",
        "ALTER TABLE one DETACH PARTITION one_2024 CONCURRENTLY",
        'ALTER TABLE shop.one DETACH PARTITION "Shop" . "2024" CONCURRENTLY;',
    ],
)
def test_nobody_queues_behind(statement: str) -> None:
    assert waits_without_queue(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "CREATE INDEX one_id ON one (id)",
        "CREATE INDEX concurrently_built ON one (id)",
        "DROP INDEX one_id",
        "REINDEX INDEX one_id",
        "REINDEX (VERBOSE) TABLE one",
        "REINDEX (CONCURRENTLY FALSE) TABLE one",
        "REINDEX (CONCURRENTLY off, VERBOSE) TABLE one",
        "REINDEX (CONCURRENTLY 0) TABLE one",
        "ALTER TABLE one ADD CONSTRAINT positive CHECK (id > 0)",
        "ALTER TABLE one VALIDATE CONSTRAINT positive, ADD COLUMN name text",
        "ALTER TABLE one ADD COLUMN name text, VALIDATE CONSTRAINT positive",
        "ALTER TABLE one VALIDATE CONSTRAINT positive; ALTER TABLE one ADD COLUMN name text",
        "ALTER TABLE one DETACH PARTITION one_2024",
        "ALTER TABLE one DETACH PARTITION one_2024 FINALIZE",
        "-- CREATE INDEX CONCURRENTLY one_id ON one (id)\nLOCK TABLE one",
        "SELECT 'DROP INDEX CONCURRENTLY one_id'",
        "COMMENT ON TABLE one IS 'CREATE INDEX CONCURRENTLY one_id ON one (id)'",
    ],
)
def test_somebody_may_queue_behind(statement: str) -> None:
    assert not waits_without_queue(statement)


@pytest.mark.parametrize(
    ("statement", "index", "table"),
    [
        ("CREATE INDEX CONCURRENTLY one_id ON one (id)", "one_id", "one"),
        ("CREATE UNIQUE INDEX CONCURRENTLY One_Id ON ONLY shop.one(id)", "One_Id", "shop.one"),
        ("create index concurrently if not exists i on one using gin (id);", "i", "one"),
        ('CREATE INDEX CONCURRENTLY "a ""b"" -- c" ON "S"."T" (id)', '"a ""b"" -- c"', '"S"."T"'),
        ("CREATE INDEX CONCURRENTLY /* big */ one_id ON one /* here */ (id)", "one_id", "one"),
    ],
)
def test_a_concurrent_index_is_told_as_it_is_written(
    statement: str, index: str, table: str
) -> None:
    assert ConcurrentIndex(index, table) == concurrent_index(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY ON one (id)",
        "CREATE INDEX one_id ON one (id)",
        "DROP INDEX CONCURRENTLY one_id",
        "REINDEX INDEX CONCURRENTLY one_id",
    ],
)
def test_others_name_no_concurrent_index(statement: str) -> None:
    assert None is concurrent_index(statement)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT *\n  FROM one\tWHERE id = $1", "SELECT * FROM one WHERE id = $1"),
        (f"SELECT '{SECRET}', 'it''s {SECRET}'", "SELECT '…', '…'"),
        (f"SELECT E'it\\'s {SECRET}', e'{SECRET}\\\\'", "SELECT '…', '…'"),
        (f"SELECT $${SECRET} 'x' $$, $a$ $${SECRET}$$ $a$", "SELECT '…', '…'"),
        # A backslash is no escape in a plain literal, whatever letter stands before it.
        (f"SELECT 'C:\\x', date'\\x', '{SECRET}'", "SELECT '…', date'…', '…'"),
        # Where it could be one, by `standard_conforming_strings`, nothing more is shown.
        (f"SELECT 'C:\\', '{SECRET}'", "SELECT '…'"),
        (f"SELECT 'it\\'s {SECRET}'", "SELECT '…'"),
        (f"UPDATE one SET name = '{SECRET}", "UPDATE one SET name = '…'"),
        (f"UPDATE one SET name = E'{SECRET}\\", "UPDATE one SET name = '…'"),
        (f"UPDATE one SET name = $a${SECRET}$a", "UPDATE one SET name = '…'"),
        (f"""SELECT "it's" FROM "o'n" WHERE a = '{SECRET}'""",
         """SELECT "it's" FROM "o'n" WHERE a = '…'"""),
        (f"SELECT a$$ FROM one WHERE b = 'c$$ {SECRET}'", "SELECT a$$ FROM one WHERE b = '…'"),
        (f"SELECT 1 -- don't {SECRET}\n, '{SECRET}'", "SELECT 1 , '…'"),
        (f"SELECT 1 /* don't {SECRET} */, '{SECRET}'", "SELECT 1 , '…'"),
        (f"SELECT 1 /* a /* don't */ b */, '{SECRET}'", "SELECT 1"),
        (f"SELECT 1 /* {SECRET}", "SELECT 1"),
        (f"ALTER ROLE shop PASSWORD '{SECRET}'", "ALTER ROLE shop PASSWORD '…'"),
    ],
)  # fmt: skip
def test_a_query_is_shown_without_its_data(query: str, shown: str) -> None:
    assert shown == shorten_query(query)


def test_a_long_query_is_cut_short() -> None:
    shown = shorten_query("SELECT " + ", ".join(f"column_{number}" for number in range(1000)))

    assert 200 == len(shown)
    assert shown.endswith("…")


# What trips up who reads quotes: each other's, backslashes, comments, in every order.
_NASTY = st.text(st.sampled_from("'\"\\$-/*\n; a"), max_size=4)


def _plain(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _in_dollars(text: str) -> str:
    return f"$tag${text}$tag$"


_LITERALS = st.builds(
    lambda quote, before, after: quote(before + SECRET + after),
    st.sampled_from([_plain, _escaped, _in_dollars]),
    _NASTY,
    _NASTY,
)
_OTHERS = st.one_of(
    st.sampled_from(["SELECT", "date", "e", "$1", "1.5", "=", "(", ",", "a$b$", "U&", "'C:\\x'"]),
    _NASTY.map(lambda text: '"' + text.replace('"', '""') + '"'),
    _NASTY.map(lambda text: "--" + text.replace("\n", "") + "\n"),
    _NASTY.map(lambda text: "/*" + text.replace("*", "+").replace("/", "+") + "*/"),
)


@given(st.lists(st.tuples(_OTHERS, _LITERALS), min_size=1, max_size=5), st.integers(0, 200))
def test_no_literals_content_survives(pieces: list[tuple[str, str]], cut: int) -> None:
    query = " ".join(piece for pair in pieces for piece in pair)

    assert SECRET not in shorten_query(query)
    assert SECRET not in shorten_query(query[:cut])


@given(st.lists(_OTHERS, max_size=8))
def test_names_and_words_are_shown(pieces: list[str]) -> None:
    shown = shorten_query(" ".join([*pieces, "FROM shop"]))

    assert shown.endswith("FROM shop")
