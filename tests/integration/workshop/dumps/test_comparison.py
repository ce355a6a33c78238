"""Each difference between a migrated schema and its models: found, said, and put right."""

from __future__ import annotations

from typing import Final

import pytest

from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.difference import downgrade_statements, upgrade_statements
from tests.fixtures.dumps import Databases
from tests.integration.workshop.dumps.cases import CASES, Case

# That an index has no part for a partition, a dump does not say.
_INVALID_INDEXES: Final = "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_difference_is_said_and_its_statements_bring_the_schema_to_the_models_and_back(
    case: Case, dumps_databases: Databases
) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    migrated.run(case.schema)
    created.run(case.models)
    before, models = migrated.schema(), created.schema()

    differences = compare(before, models)
    assert list(case.said) == [each.sentence for each in differences]

    migrated.run(*upgrade_statements(differences))
    assert [] == compare(migrated.schema(), models)
    with migrated.connect() as connection:
        assert [] == connection.execute(_INVALID_INDEXES).fetchall()

    if case.back:
        migrated.run(*downgrade_statements(differences))
        assert [] == compare(migrated.schema(), before)
    else:
        assert [] == downgrade_statements(differences)
        assert any(each.advice for each in differences)
        # A second upgrade, after a downgrade that leaves it.
        migrated.run(*upgrade_statements(differences))


@pytest.mark.parametrize(
    ("schema", "models"),
    [
        ("", "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY"),
        (
            "",
            "CREATE SEQUENCE ids; ALTER TABLE orders ALTER id SET DEFAULT nextval('ids');"
            "ALTER SEQUENCE ids OWNED BY orders.id",
        ),
        (
            "CREATE SEQUENCE ids; ALTER TABLE orders ALTER id SET DEFAULT nextval('ids');"
            "ALTER SEQUENCE ids OWNED BY orders.id",
            "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        ),
    ],
    ids=["identity", "serial", "serial to identity"],
)
def test_a_new_sequence_goes_on_behind_the_values_that_are_there(
    schema: str, models: str, dumps_databases: Databases
) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    migrated.run(schema)
    created.run(models)

    migrated.run(*upgrade_statements(compare(migrated.schema(), created.schema())))

    with migrated.connect() as connection:
        added = connection.execute("INSERT INTO orders (total) VALUES (1) RETURNING id").fetchone()
    assert (8,) == added
