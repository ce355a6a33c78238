"""Each difference between a migrated schema and its models: found, said, and put right."""

from __future__ import annotations

import pytest

from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.difference import downgrade_statements, upgrade_statements
from tests.fixtures.dumps import Databases
from tests.integration.workshop.dumps.cases import CASES, Case


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

    if case.back:
        migrated.run(*downgrade_statements(differences))
        assert [] == compare(migrated.schema(), before)
    else:
        assert [] == downgrade_statements(differences)
        assert any(each.advice for each in differences)
        # A second upgrade, after a downgrade that leaves it.
        migrated.run(*upgrade_statements(differences))
