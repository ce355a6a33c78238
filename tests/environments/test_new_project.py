"""Projects of `migrate init`, with releases of Alembic and SQLAlchemy that applications have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.environments import Stack
from tests.fixtures.runner import Migrate


@pytest.mark.parametrize("flags", [(), ("--async",)], ids=["sync", "async"])
@pytest.mark.parametrize("name", ["middle", "newest"])
def test_it_runs(
    name: str, flags: tuple[str, ...], tmp_path: Path, database: Database, migrate: Migrate
) -> None:
    Stack(migrate, name, "generic", "psycopg")
    migrate.folder = tmp_path
    made = migrate.run("init", "gifts", *flags)
    migrate.folder = tmp_path / "gifts"

    applied = migrate.run(DATABASE_URL=database.url)
    checked = migrate.run("check", DATABASE_URL=database.url)

    assert 0 == made.exit_code, made.stderr
    assert ["0001"] == applied.finished["to_revisions"], applied.stdout
    assert 0 == checked.exit_code, checked.stdout + checked.stderr


def test_an_alembic_that_does_not_read_pyproject(tmp_path: Path, migrate: Migrate) -> None:
    Stack(migrate, "middle", "generic", "psycopg")
    migrate.folder = tmp_path

    refused = migrate.run("init", "gifts", "--pyproject")

    assert 64 == refused.exit_code, refused.stderr
    assert "--pyproject needs Alembic 1.16 or newer." in refused.stderr
    assert not (tmp_path / "gifts").exists()
