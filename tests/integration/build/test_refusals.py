"""What else `migrate build` refuses: files that only root can read, and ids that are too long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

LONG: Final = "2026_11_26_add_the_customers_address"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of its own")


@pytest.fixture
def _private_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@needs_root
@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("alembic.ini", 0o600),
        ("migrations/env.py", 0o400),
        ("migrations/versions/r1.py", 0o600),
        ("migrations/versions", 0o700),
        ("migrations", 0o700),
        ("tables/user.py", 0o600),
        ("tables", 0o700),
        (".", 0o700),
    ],
)
def test_what_only_root_can_read_is_refused_in_an_image(
    project: Project, migrate: Migrate, path: str, mode: int
) -> None:
    _with_models(project)
    (project.folder / path).chmod(mode)

    result = migrate.run("build", "--seal")

    assert 78 == result.exit_code, result.stdout
    place = str((project.folder / path).resolve())
    error = result.finished["error"]
    assert ("unreadable_file", place) == (error["reason"], error["file"])
    assert f"Only root can read {place} (mode {mode:03o})" in result.finished["summary"]
    assert "COPY --chmod=755" in result.finished["summary"]


@needs_root
@pytest.mark.parametrize(("mode", "owner"), [(0o640, 0), (0o604, 0), (0o600, 65532)])
def test_what_another_user_can_read_is_not(
    project: Project, migrate: Migrate, mode: int, owner: int
) -> None:
    _with_models(project)
    for file in project.folder.rglob("*.py"):
        file.chmod(mode)
        os.chown(file, owner, owner)

    assert 0 == migrate.run("build", "--seal").exit_code


@needs_root
def test_outside_of_images_root_may_keep_its_files(project: Project, migrate: Migrate) -> None:
    _with_models(project)
    (project.folder / "alembic.ini").chmod(0o600)

    assert 0 == migrate.run("build").exit_code


@pytest.mark.usefixtures("_private_umask")
def test_what_a_build_writes_is_for_every_user(project: Project, migrate: Migrate) -> None:
    _with_models(project)
    for place in [project.folder, *project.folder.rglob("*")]:
        place.chmod(0o755 if place.is_dir() else 0o644)

    result = migrate.run("build", "--seal")

    assert 0 == result.exit_code, result.stdout
    compiled = [*project.folder.rglob("__pycache__"), *project.folder.rglob("*.pyc")]
    written = [project.folder / ".migrate-manifest", *compiled]
    assert len(written) >= 4
    assert {True} == {bool(file.stat().st_mode & 0o004) for file in written}


def _with_models(project: Project) -> None:
    project.revision("r1")
    project.write_env("import tables.user\n" + ENV_PY)
    (project.folder / "tables").mkdir()
    (project.folder / "tables" / "user.py").write_text("")


def test_an_id_that_the_version_table_cannot_hold_is_refused(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    path = project.revision(LONG)

    built = migrate.run("build")
    ran = migrate.run(DATABASE_URL=database.url)

    assert (65, 1) == (built.exit_code, ran.exit_code)
    error = built.finished["error"]
    assert ("HistoryError", "id_too_long", LONG, str(path)) == (
        error["kind"],
        error["reason"],
        error["revision"],
        error["file"],
    )
    assert (
        f"has {len(LONG)} characters, but the version table takes 32" in built.finished["summary"]
    )


WIDENS: Final = "ALTER TABLE alembic_version ALTER COLUMN version_num TYPE varchar(128)"


@pytest.mark.parametrize("where", ["revision", "models"])
def test_a_project_that_makes_the_column_wider_may_have_long_ids(
    database: Database, project: Project, migrate: Migrate, where: str
) -> None:
    project.revision("r1", f'op.execute("{WIDENS}")' if where == "revision" else "pass")
    project.revision(LONG)
    if where == "models":
        create = WIDENS.replace("ALTER TABLE", "CREATE TABLE").replace(
            " ALTER COLUMN version_num TYPE varchar(128)",
            " (version_num varchar(128) PRIMARY KEY)",
        )
        database.query(create)
        project.write_env("import tables\n" + ENV_PY)
        (project.folder / "tables.py").write_text(f"CREATED_BY_THE_OPERATOR = '''{create}'''\n")

    built = migrate.run("build")
    ran = migrate.run(DATABASE_URL=database.url)

    assert (0, 0) == (built.exit_code, ran.exit_code), built.stdout + ran.stdout
    assert [LONG] == ran.finished["to_revisions"]


@pytest.mark.parametrize("command", [[], ["upgrade", "head"], ["wait"]])
def test_an_empty_folder_of_revisions_is_warned_of(
    database: Database, project: Project, migrate: Migrate, command: list[str]
) -> None:
    result = migrate.run(*command, DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    (warned,) = result.of("no_revisions")
    assert ("warning", [str(project.versions)]) == (warned["level"], warned["folders"])


def test_the_first_revision_is_written_without_a_warning(
    database: Database, project: Project, migrate: Migrate
) -> None:
    template = "revision = ${repr(up_revision)}\ndown_revision = None\n"
    (project.folder / "migrations" / "script.py.mako").write_text(template)

    result = migrate.run("revision", "-m", "first", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "no_revisions" not in result.stderr
