"""The way to remove an enum's value, as the advice has it."""

from __future__ import annotations

import pytest

from migration_runner.workshop.dumps.comparison import compare
from tests.fixtures.dumps import Databases


@pytest.mark.parametrize(
    "models",
    [
        "CREATE TYPE colour AS ENUM ('red', 'blue')",
        "CREATE TYPE colour AS ENUM ('blue', 'red', 'green')",
        "CREATE TYPE colour AS ENUM ('red', 'blue', 'black')",
    ],
    ids=["removed", "another order", "removed and added"],
)
def test_the_advice_brings_the_schema_to_the_models(
    models: str, dumps_databases: Databases
) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    columns = "(c colour DEFAULT 'red' NOT NULL, many colour[] DEFAULT '{red}')"
    migrated.run(
        f"CREATE TYPE colour AS ENUM ('red', 'green', 'blue'); CREATE TABLE t {columns};"
        "INSERT INTO t DEFAULT VALUES"
    )
    created.run(f"{models}; CREATE TABLE t {columns}")

    (found,) = compare(migrated.schema(), created.schema())
    assert ((), ()) == (found.upgrade, found.downgrade)
    steps = found.advice.partition("lock:\n")[2]
    migrated.run(*steps.replace("    ", "").splitlines())

    assert [] == compare(migrated.schema(), created.schema())


def test_a_value_that_may_have_been_renamed_is_named_with_both_ways(
    dumps_databases: Databases,
) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    migrated.run("CREATE TYPE colour AS ENUM ('red', 'it''s green'); CREATE TABLE t (c colour)")
    created.run("CREATE TYPE colour AS ENUM ('red', 'green'); CREATE TABLE t (c colour)")

    (found,) = compare(migrated.schema(), created.schema())

    rename = "ALTER TYPE colour RENAME VALUE 'it''s green' TO 'green';"
    assert f"If values were renamed, write:\n    {rename}" in found.advice
    assert "First change the rows that have 'it''s green'." in found.advice
    migrated.run(rename)
    assert [] == compare(migrated.schema(), created.schema())
