"""A drop and an add that may be a rename."""

from __future__ import annotations

from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.dumps.renames import (
    PossibleRename,
    possible_renames,
    possible_table_renames,
)


def _table(name: str, *columns: str, schema: str = "public") -> str:
    return f"CREATE TABLE {schema}.{name} ({', '.join(columns)});\n"


def test_a_column_of_the_same_type_in_the_same_table_may_be_renamed() -> None:
    schema = parse(
        _table("t", "before text NOT NULL", "n int")
        + _table("u", "a int")
        + _table("v", "a int", schema="s")
    )
    models = parse(
        _table("t", "after text", "n int", "other text", "m int")
        + _table("u", "b text")
        + _table("v", "b int", schema="s")
    )

    found = possible_renames(compare(schema, models))

    assert [
        PossibleRename("column", "s", "v", "a", "b"),
        PossibleRename("column", "", "t", "before", "after"),
        PossibleRename("column", "", "t", "before", "other"),
    ] == found
    assert "ALTER TABLE s.v RENAME COLUMN a TO b" == found[0].upgrade
    assert "ALTER TABLE t RENAME COLUMN after TO before" == found[1].downgrade


def test_a_table_with_the_same_columns_may_be_renamed() -> None:
    schema = parse(_table("before", "a int", "b text") + _table("stays", "a int"))
    models = parse(_table("after", "b text NOT NULL", "a int") + _table("stays", "a int"))

    (found,) = possible_table_renames(schema, models)

    assert PossibleRename("table", "", "", "before", "after") == found
    assert "ALTER TABLE before RENAME TO after" == found.upgrade
    assert "ALTER TABLE after RENAME TO before" == found.downgrade


def test_tables_with_other_columns_are_not_renamed() -> None:
    schema, models = parse(_table("before", "a int")), parse(_table("after", "a text"))

    assert [] == possible_table_renames(schema, models)
