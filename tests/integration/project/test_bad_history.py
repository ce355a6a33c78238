"""A history that cannot be run is found before the database is even reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

OFFLINE_URL = "postgresql://nobody@127.0.0.1:1/nowhere"


def _several_heads(project: Project) -> None:
    project.revision("r1")
    project.revision("left", down="r1")
    project.revision("right", down="r1")


def _missing_parent(project: Project) -> None:
    project.revision("r1")
    project.revision("r2", down="r0")


def _import_error(project: Project) -> None:
    project.revision("r1", header="import shop_without_a_package")


def _syntax_error(project: Project) -> None:
    project.revision("r1", header="def broken(:")


def _duplicate(project: Project) -> None:
    project.revision("r1")
    path = project.revision("r2")
    path.with_name("copy_of_r2.py").write_text(path.read_text())


def _no_revision(project: Project) -> None:
    project.versions.joinpath("r1.py").write_text("x = 1\n")


def _cycle(project: Project) -> None:
    project.revision("r1", down="r2")
    project.revision("r2", down="r1")


CASES: list[tuple[Callable[[Project], None], list[str]]] = [
    (_several_heads, ["left.py", "right.py", "alembic merge heads"]),
    (_missing_parent, ["r2.py", "r0", "down_revision"]),
    (_import_error, ["r1.py", "line 7", "shop_without_a_package", "install"]),
    (_syntax_error, ["r1.py", "line 7", "SyntaxError"]),
    (_duplicate, ["r2.py", "copy_of_r2.py", "change one of the ids"]),
    (_no_revision, ["r1.py"]),
    (_cycle, ["r1", "r2", "ycle"]),
]


@pytest.mark.parametrize("verb", ["upgrade", "build"])
@pytest.mark.parametrize(("make", "words"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_it_is_named_with_its_files_and_what_mends_it(
    project: Project,
    migrate: Migrate,
    make: Callable[[Project], None],
    words: list[str],
    verb: str,
) -> None:
    make(project)

    result = migrate.run(verb, DATABASE_URL=OFFLINE_URL)

    assert 65 == result.exit_code, result.stdout + result.stderr
    assert "failed" == result.finished["outcome"]
    for word in words:
        assert word in result.finished["summary"]
    assert result.finished["summary"].endswith("The database was not touched.")


def test_a_target_that_is_not_there_is_named(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run(DATABASE_URL=OFFLINE_URL, MIGRATE_TARGET="r7")

    assert 65 == result.exit_code, result.stdout
    assert "'r7'" in result.finished["summary"]


def test_a_database_with_a_revision_that_the_image_lacks(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    with database.connect() as connection:
        connection.execute("CREATE TABLE alembic_version AS SELECT 'r9' AS version_num")

    result = migrate.run(DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    assert "r9" in result.finished["summary"]
    assert "(head r1)" in result.finished["summary"]
    assert ["r9"] == result.finished["error"]["database_heads"]
    assert ["r1"] == result.finished["error"]["image_heads"]
    assert [("r9",)] == database.query("SELECT version_num FROM alembic_version")


def test_build_needs_no_database(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run("build")

    assert 0 == result.exit_code, result.stdout
    assert "The history is consistent: 1 revision, head r1." == result.finished["summary"]
    assert list(project.versions.glob("__pycache__/r1.*.pyc"))
