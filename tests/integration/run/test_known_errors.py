"""What is said of a revision that fails fits the cause: all on a real server."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.failing_statements import FAILING, Failing
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


@pytest.mark.parametrize(
    "case", FAILING, ids=[f"{each.state}-{each.sql[0][:30]}" for each in FAILING]
)
def test_the_advice_fits(
    database: Database, project: Project, migrate: Migrate, case: Failing
) -> None:
    for statement in filter(None, case.before.split("; ")):
        database.query(statement)
    if case.later:
        project.table("r0", "zero")
        assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    project.revision("r1", "\n".join(f"op.execute({statement!r})" for statement in case.sql))

    result = migrate.run(DATABASE_URL=database.url)

    assert case.exit_code == result.exit_code, result.stdout
    if result.exit_code:
        assert case.state == result.finished["error"]["sqlstate"], result.stdout
        assert case.advice in result.finished["summary"]
        assert "It was rolled back." in result.finished["summary"]


def test_every_driver_tells_the_servers_function(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    any_env.revision("r1", 'op.execute("CREATE EXTENSION nobody_has_this")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert "install its package" in result.finished["summary"]
