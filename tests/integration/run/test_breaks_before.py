"""A revision can say which images it is too new for."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def _contracted(project: Project, migrate: Migrate, database: Database, line: str) -> None:
    """Apply r1 to r4, of which r3 removes what images without `line` need."""
    project.revision("r1")
    project.revision("r2")
    project.revision("r3", header=f"breaks_before = {line!r}")
    project.revision("r4")
    result = migrate.run(DATABASE_URL=database.url)
    assert 0 == result.exit_code, result.stdout


def _cut(project: Project, image: str) -> None:
    """Leave the image what it had when `image` was its head."""
    for path in project.versions.glob("r*.py"):
        if path.stem > image:
            path.unlink()


@pytest.mark.parametrize(("line", "image"), [("r2", "r1"), ("r3", "r2"), ("r3", "r1")])
def test_an_image_below_the_line_is_refused(
    any_database: Database, project: Project, migrate: Migrate, line: str, image: str
) -> None:
    _contracted(project, migrate, any_database, line)
    _cut(project, image)

    result = migrate.run(DATABASE_URL=any_database.url)

    assert 65 == result.exit_code, result.stdout
    error = result.finished["error"]
    assert "contract_broken" == error["reason"]
    assert ["r4"] == error["database_heads"]
    assert f"r3 needs an image that has {line}" in result.finished["summary"]
    assert "downgrade" in result.finished["summary"]
    assert not result.of("database_ahead")


@pytest.mark.parametrize(("line", "image"), [("r2", "r2"), ("r1", "r1"), ("r2", "r3")])
def test_an_image_at_the_line_is_well(
    database: Database, project: Project, migrate: Migrate, line: str, image: str
) -> None:
    _contracted(project, migrate, database, line)
    _cut(project, image)

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "ahead" == result.finished["outcome"]


def test_waiting_for_it_ends_with_the_same(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _contracted(project, migrate, database, "r2")
    _cut(project, "r1")

    assert 65 == migrate.run("wait", DATABASE_URL=database.url).exit_code


def test_what_was_adopted_has_the_line_too(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _contracted(project, migrate, database, "r2")
    database.query("DROP SCHEMA migration_runner CASCADE")
    migrate.run(DATABASE_URL=database.url)
    _cut(project, "r1")

    result = migrate.run(DATABASE_URL=database.url)

    assert "contract_broken" == result.finished["error"]["reason"]


@pytest.mark.parametrize("line", ["'r3'", "'nothing'", "'r'", "''", "['r1']", "1"])
@pytest.mark.parametrize("verb", ["upgrade", "build"])
def test_a_line_that_is_no_ancestor_is_found_before_anything_else(
    database: Database, project: Project, migrate: Migrate, line: str, verb: str
) -> None:
    """In the image's build already: the older image could not tell a slip from the truth."""
    project.revision("r1")
    path = project.revision("r2", header=f"breaks_before = {line}")
    project.revision("r3")

    result = migrate.run(verb, DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    assert "broken_history" == result.finished["error"]["reason"]
    assert str(path) in result.finished["summary"]
    assert "breaks_before" in result.finished["summary"]
