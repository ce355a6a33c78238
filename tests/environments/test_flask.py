"""Flask-Migrate's projects, which otherwise run by `flask db upgrade`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.environments import Stack
from tests.fixtures.faults import recorded
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

APPLICATION = """\
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["SHOP_URL"]
db = SQLAlchemy(app)
Migrate(app, db)


class Gift(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


@pytest.fixture(params=["middle", "newest"])
def flask_project(request: pytest.FixtureRequest, project: Project, migrate: Migrate) -> Path:
    """Return the folder of an application, as `flask db init` and `flask db migrate` leave it."""
    Stack(migrate, request.param, "generic", "psycopg")
    folder = project.folder.parent / "flask"
    folder.mkdir()
    (folder / "app.py").write_text(APPLICATION)
    (folder / "pyproject.toml").write_text("[tool.ruff]\n")
    migrate.folder = folder
    return folder


def _flask(migrate: Migrate, *words: str, **variables: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [migrate.python, "-m", "flask", "db", *words],
        cwd=migrate.folder,
        env={**migrate.environment, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_it_runs_as_it_is(flask_project: Path, database: Database, migrate: Migrate) -> None:
    url = database.url.replace("postgresql://", "postgresql+psycopg://")
    _flask(migrate, "init", SHOP_URL=url)
    _flask(migrate, "migrate", "-m", "gifts", "--rev-id", "r1", SHOP_URL=url)

    first, second = (migrate.run(SHOP_URL=url) for _ in range(2))

    assert (flask_project / "migrations" / "alembic.ini").exists()
    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1"] == [each["revision"] for each in first.finished["applied"]]
    assert first.of("run_lock_acquired")
    assert "up_to_date" == second.finished["outcome"]
    assert ["r1"] == recorded(database)
    assert "r1 (head)" in _flask(migrate, "current", SHOP_URL=url)
    assert "r1 (head)" in migrate.run("current", SHOP_URL=url).stdout
    assert 0 == migrate.run("check", SHOP_URL=url).exit_code
    assert "canary" not in first.stdout


def test_an_application_that_is_not_found(
    flask_project: Path, database: Database, migrate: Migrate
) -> None:
    url = database.url.replace("postgresql://", "postgresql+psycopg://")
    _flask(migrate, "init", SHOP_URL=url)
    (flask_project / "app.py").rename(flask_project / "shop.py")

    lost = migrate.run(SHOP_URL=url)
    found = migrate.run(SHOP_URL=url, FLASK_APP="shop")

    (flask_project / "shop.py").write_text("raise KeyError('SHOP_KEY')\n")
    broken = migrate.run(SHOP_URL=url, FLASK_APP="shop")

    assert 78 == broken.exit_code, broken.stdout
    assert "shop.py, line 1): KeyError: 'SHOP_KEY'" in broken.finished["summary"]
    assert 78 == lost.exit_code, lost.stdout
    assert "Set FLASK_APP" in lost.finished["summary"]
    assert 0 == found.exit_code, found.stdout
