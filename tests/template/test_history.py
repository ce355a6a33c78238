"""The history goes up and down, leads to the models, and is what the image's build accepts."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from pytest_alembic.tests import (  # noqa: F401 - pytest collects them here
    test_model_definitions_match_ddl,
    test_up_down_consistency,
    test_upgrade,
)

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.plain_alembic import alembic
from tests.fixtures.runner import ROOT, Migrate


def _schema(database: Database) -> str:
    return database.server.dump(
        database.name, "--schema-only", "--no-owner", "--exclude-schema=migration_runner"
    )


def test_there_is_one_head(history: ScriptDirectory) -> None:
    """Or none yet, which pytest-alembic's own test does not allow."""
    assert len(history.get_heads()) <= 1


def test_every_revision_says_what_it_does(history: ScriptDirectory) -> None:
    """Its first line is what the log shows."""
    assert [] == [each.path for each in history.walk_revisions() if not each.doc]


def test_no_revision_imports_the_models() -> None:
    """The models change; what a revision does must not."""
    importing = [
        path.name
        for path in (ROOT / "migrations" / "versions").rglob("*.py")
        if "models" in _imported_packages(path)
    ]
    assert [] == importing


def test_no_model_imports_the_runner() -> None:
    """The application imports the models, and has no runner."""
    importing = [
        path.name
        for path in (ROOT / "models").rglob("*.py")
        if "migration_runner" in _imported_packages(path)
    ]
    assert [] == importing


def test_a_second_run_is_up_to_date(
    any_database: Database, template: Migrate, history: ScriptDirectory
) -> None:
    first = template.run(DATABASE_URL=any_database.url)
    second = template.run(DATABASE_URL=any_database.url)

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert history.get_heads() == first.finished["to_revisions"]
    assert "up_to_date" == second.finished["outcome"]


def test_plain_alembic_gives_the_same_schema(database: Database, template: Migrate) -> None:
    other = create_database(database.server)

    result = template.run(DATABASE_URL=database.url)
    alembic(ROOT, "upgrade", "head", DATABASE_URL=other.url)

    assert 0 == result.exit_code, result.stdout
    # A run without a revision makes no version table.
    if result.finished["to_revisions"]:
        assert _schema(other) == _schema(database)
    drop_database(other)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the project, to write in."""
    folder = tmp_path / "copied"
    for name in ("migrations", "models"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "alembic.ini", folder)
    return folder


def test_the_images_build_accepts_it(
    template: Migrate, history: ScriptDirectory, copied: Path
) -> None:
    """Without a revision it fails, as nothing was copied into the image."""
    result = template.run("build", ALEMBIC_CONFIG=str(copied / "alembic.ini"))

    if history.get_heads():
        assert 0 == result.exit_code, result.stdout
    else:
        assert "no_revisions" == result.finished["error"]["reason"]


def test_verify_finds_nothing(template: Migrate, history: ScriptDirectory) -> None:
    """Each revision alone, up, down and up; its hazards; the models. See docs/verify.md."""
    result = template.run("verify", "--all", MIGRATE_CACHE="off")

    if history.get_heads():
        assert (0, "") == (result.exit_code, result.stderr), result.stdout


def test_a_new_revision_follows_the_head(
    database: Database, template: Migrate, history: ScriptDirectory, copied: Path
) -> None:
    assert 0 == template.run(DATABASE_URL=database.url).exit_code

    alembic(copied, "revision", "--autogenerate", "-m", "Gift cards", DATABASE_URL=database.url)

    config = Config(str(copied / "alembic.ini"))
    head = ScriptDirectory.from_config(config).get_revision("head")
    assert head.doc.startswith("Gift cards")
    assert history.get_current_head() == head.down_revision


def _imported_packages(path: Path) -> set[str]:
    """Return the top-level packages that a file names in its imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}
