"""What the comparison writes where no server of its tests would show it."""

from __future__ import annotations

import pytest

from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.difference import Difference, SchemaDifference
from migration_runner.workshop.dumps.parsing import parse
from tests.unit.workshop.dumps.sample import SAMPLE


def _dump(*statements: str, major: int = 18) -> str:
    return f"-- Dumped from database version {major}.1\n" + "".join(f"{s};\n" for s in statements)


def _tax(expression: str) -> str:
    return f"CREATE TABLE public.t (tax integer GENERATED ALWAYS AS ({expression}) STORED)"


def _compare(schema: list[str], models: list[str], major: int = 18) -> list[SchemaDifference]:
    return compare(parse(_dump(*schema, major=major)), parse(_dump(*models, major=major)))


def test_a_schema_does_not_differ_from_itself() -> None:
    assert [] == compare(parse(SAMPLE), parse(SAMPLE))


@pytest.mark.parametrize(
    ("major", "expected"),
    [
        (17, ("ALTER TABLE t ALTER COLUMN tax SET EXPRESSION AS (2)",)),
        (
            16,
            (
                "ALTER TABLE t DROP COLUMN tax",
                "ALTER TABLE t ADD COLUMN tax integer GENERATED ALWAYS AS (2) STORED",
            ),
        ),
    ],
)
def test_an_expression_is_set_where_the_server_can(major: int, expected: tuple[str, ...]) -> None:
    (found,) = _compare([_tax("1")], [_tax("2")], major)

    assert expected == found.upgrade
    assert ("its values are lost" in found.advice) == (major == 16)


def test_storage_has_no_default_to_go_back_to_before_16() -> None:
    table = "CREATE TABLE public.t (a text)"
    storage = "ALTER TABLE ONLY public.t ALTER COLUMN a SET STORAGE EXTERNAL"

    (old,), (new,) = (_compare([table, storage], [table], major) for major in (15, 16))

    assert () == old.upgrade
    assert "Before PostgreSQL 16" in old.advice
    assert ("ALTER TABLE t ALTER COLUMN a SET STORAGE DEFAULT",) == new.upgrade


def test_a_foreign_key_of_a_partitioned_table_is_validated_at_once() -> None:
    table = "CREATE TABLE public.t (a integer) PARTITION BY RANGE (a)"
    key = "ALTER TABLE ONLY public.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.u(a)"

    (found,) = _compare([table], [table, key])

    expected = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u(a)"
    assert (expected,) == found.upgrade


def test_a_check_is_validated_in_a_statement_of_its_own() -> None:
    table = "CREATE TABLE public.t (a integer)"
    check = "ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a > 0))"

    (found,) = _compare([table], [table, check])

    assert (
        "ALTER TABLE t ADD CONSTRAINT c CHECK ((a > 0)) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
    ) == found.upgrade
    assert ("ALTER TABLE t DROP CONSTRAINT c",) == found.downgrade


@pytest.mark.parametrize(
    ("schema", "models"),
    [
        ("CREATE TYPE public.pair AS (a integer)", "CREATE TYPE public.pair AS (a bigint)"),
        (
            "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public",
            "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA other",
        ),
    ],
)
def test_what_columns_may_use_is_not_dropped(schema: str, models: str) -> None:
    (found,) = _compare([schema], [models])

    assert ((), ()) == (found.upgrade, found.downgrade)
    assert "while columns or functions use it" in found.advice


@pytest.mark.parametrize("state", ["NOT VALID", "NOT ENFORCED"])
def test_a_constraint_that_the_models_do_not_validate_is_not_validated(state: str) -> None:
    table = "CREATE TABLE public.t (a integer)"
    check = f"ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a > 0)) {state}"

    (found,) = _compare([table], [table, check])

    assert (f"ALTER TABLE t ADD CONSTRAINT c CHECK ((a > 0)) {state}",) == found.upgrade


def test_an_identity_continues_behind_the_values_that_are_there() -> None:
    table = "CREATE TABLE public.t (id integer NOT NULL)"
    identity = (
        "ALTER TABLE public.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY"
        " (SEQUENCE NAME public.t_id_seq START WITH 1)"
    )

    (found,) = _compare([table], [table, identity])

    assert (
        "ALTER TABLE t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START WITH 1)",
        "SELECT setval(pg_get_serial_sequence('t', 'id'), max(id)) FROM t",
    ) == found.upgrade


def test_what_tables_need_comes_before_them() -> None:
    models = [
        "CREATE TYPE public.mood AS ENUM ('sad')",
        "CREATE TABLE public.t (a public.mood)",
        "CREATE INDEX ix ON public.t USING btree (a)",
        "CREATE TABLE public.u (a integer)",
    ]
    found = _compare(["CREATE TABLE public.t (b text)"], models)

    assert [
        ("mood", Difference.MISSING, True),
        ("a", Difference.MISSING, False),
        ("ix", Difference.MISSING, False),
        ("u", Difference.MISSING, False),
        ("b", Difference.ONLY_IN_SCHEMA, False),
    ] == [(each.name.name, each.difference, each.before_tables) for each in found]


def test_a_type_that_only_the_schema_has_is_dropped_behind_its_columns() -> None:
    schema = ["CREATE TYPE public.mood AS ENUM ('sad')", "CREATE TABLE public.t (a public.mood)"]

    found = _compare(schema, ["CREATE TABLE public.t (b text)"])

    assert ["b", "a", "mood"] == [each.name.name for each in found]
    assert not any(each.before_tables for each in found)


def test_the_default_schema_can_be_another_one() -> None:
    schema = parse(_dump("CREATE TABLE app.t (a integer)"))
    models = parse(_dump("CREATE TABLE app.t (a integer, b public.citext)"))

    (found,) = compare(schema, models, default_schema="app")

    assert ("ALTER TABLE t ADD COLUMN b public.citext",) == found.upgrade
    assert "The column t.b is missing in the history." == found.sentence


def test_a_new_column_that_must_have_a_value_is_advised() -> None:
    (found,) = _compare(
        ["CREATE TABLE public.t (a integer)"],
        ["CREATE TABLE public.t (a integer, b text NOT NULL)"],
    )

    assert "cannot be added to a table with rows" in found.advice


def test_values_are_added_to_an_enum_that_has_none() -> None:
    (found,) = _compare(
        ["CREATE TYPE public.mood AS ENUM (\n)"], ["CREATE TYPE public.mood AS ENUM ('a', 'b')"]
    )

    assert (
        "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'a'",
        "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b' AFTER 'a'",
    ) == found.upgrade


def test_a_constraint_s_text_makes_no_rename() -> None:
    table = "CREATE TABLE public.t (a text, CONSTRAINT c CHECK ((a <> '{}'::text)))"

    (changed,) = _compare([table.format("x")], [table.format(" RENAME ")])
    (renamed,) = _compare([table], [table.replace("CONSTRAINT c", "CONSTRAINT d")])

    assert (False, True) == (changed.is_rename, renamed.is_rename)
