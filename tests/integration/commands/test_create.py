"""`migrate create`: the database is there afterwards, and the answer is what was the case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.missing import MissingDatabase
from tests.fixtures.runner import Migrate


@pytest.fixture(autouse=True)
def _no_project(migrate: Migrate, tmp_path: Path) -> None:
    """Run it where there is no project."""
    migrate.folder = tmp_path


def test_it_is_created_once(missing: MissingDatabase, migrate: Migrate) -> None:
    first, second = (migrate.run("create", DATABASE_URL=missing.url) for _ in range(2))

    facts = f"(owner {missing.owner}, encoding UTF8)"
    assert (0, "created") == (first.exit_code, first.finished["outcome"]), first.stdout
    assert f"Created the database {missing.name} {facts}." == first.finished["summary"]
    assert (0, "up_to_date") == (second.exit_code, second.finished["outcome"])
    there = f"The database {missing.name} was there already {facts}; nothing was changed."
    assert there == second.finished["summary"]
    assert [(missing.owner, "UTF8")] == missing.facts()
    assert [] == missing.there.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


def test_ten_at_once_agree_on_who_has_created_it(
    missing: MissingDatabase, migrate: Migrate
) -> None:
    running = [migrate.start("create", DATABASE_URL=missing.url) for _ in range(10)]
    results = [each.wait() for each in running]

    assert [0] * 10 == [each.exit_code for each in results], [each.stdout for each in results]
    assert ["created", *["up_to_date"] * 9] == sorted(each.finished["outcome"] for each in results)


def test_one_that_is_there_needs_no_right(database: Database, migrate: Migrate) -> None:
    result = migrate.run("create", DATABASE_URL=database.url)

    assert (0, "up_to_date") == (result.exit_code, result.finished["outcome"]), result.stdout


def test_without_the_right(missing: MissingDatabase, migrate: Migrate) -> None:
    missing.admin(f"ALTER ROLE {missing.owner} NOCREATEDB")

    result = migrate.run("create", DATABASE_URL=missing.url)

    statement = f'CREATE DATABASE "{missing.name}" OWNER "{missing.owner}";'
    assert 77 == result.exit_code, result.stdout
    assert statement == result.finished["error"]["statement"]
    assert f"An administrator can create it: {statement}" in result.finished["summary"]


def test_with_flags(missing: MissingDatabase, migrate: Migrate) -> None:
    flags = ("--create-database-encoding", "LATIN1", "--create-database-template=template0")

    result = migrate.run("create", *flags, DATABASE_URL=missing.url)

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "LATIN1")] == missing.facts()


def test_without_an_address(migrate: Migrate) -> None:
    result = migrate.run("create")

    assert 78 == result.exit_code, result.stdout
    assert "no database is configured: set DATABASE_URL" in result.finished["summary"]
