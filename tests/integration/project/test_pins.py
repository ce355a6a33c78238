"""An error in the project's code names what is installed in another version than is pinned."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Final

import pytest

from migration_runner.documentation import docs_page
from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

INSTALLED: Final = importlib.metadata.version("sqlalchemy")
ALEMBIC: Final = importlib.metadata.version("alembic")
TABLE: Final = '[[{}]]\nname = "sqlalchemy"\nversion = "1.3.24"\n'
LOCKS: Final = {
    "requirements.txt": "# pip-compile\nsqlalchemy[asyncio]==1.3.24 ; python_version > '3' \\\n",
    "requirements-prod.txt": "SQLAlchemy == 1.3.24\n",
    "requirements/base.txt": "sqlalchemy===1.3.24 --hash=sha256:00\n",
    "constraints.txt": f"alembic=={ALEMBIC}\nsqlalchemy==1.3.24\n",
    "poetry.lock": TABLE.format("package"),
    "uv.lock": TABLE.format("package"),
    "pdm.lock": TABLE.format("package"),
    "pylock.toml": TABLE.format("packages"),
    "Pipfile.lock": json.dumps({"default": {"sqlalchemy": {"version": "==1.3.24"}}}),
}


def _lock(project: Project, name: str, text: str) -> None:
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("name", LOCKS)
def test_what_was_raised_is_named(
    database: Database, project: Project, migrate: Migrate, name: str
) -> None:
    _lock(project, name, LOCKS[name])
    project.revision("r1", header="from sqlalchemy import a_name_of_1_3")

    result = migrate.run(DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    said = f"sqlalchemy {INSTALLED} is installed instead of 1.3.24 (pinned in {name})"
    assert said in result.finished["summary"]
    assert docs_page("alembic") in result.finished["summary"]


@pytest.mark.parametrize(
    "env", ["from sqlalchemy import gone\n", "import sqlalchemy\nsqlalchemy.gone\n"]
)
def test_also_where_env_py_fails(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    _lock(project, "requirements.txt", LOCKS["requirements.txt"])
    project.revision("r1")
    project.write_env(env + ENV_PY)

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    assert "is installed instead of 1.3.24" in result.finished["summary"]


@pytest.mark.parametrize(
    "text",
    [
        f"sqlalchemy=={INSTALLED}\n",
        "sqlalchemy>=1.3\nsqlalchemy-utils==0.1\n",
        "",
        "-r other.txt\n\x00",
    ],
)
def test_nothing_is_said_where_nothing_differs(
    database: Database, project: Project, migrate: Migrate, text: str
) -> None:
    _lock(project, "requirements.txt", text)
    _lock(project, "poetry.lock", "neither this nor TOML")
    project.revision("r1", header="from sqlalchemy import gone")

    result = migrate.run(DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    assert "is installed instead of" not in result.finished["summary"]
    assert result.finished["summary"].count("Fix the file, or install what it imports.") == 1


def test_a_run_that_works_says_nothing(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _lock(project, "requirements.txt", LOCKS["requirements.txt"])
    project.revision("r1")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code
    assert "1.3.24" not in result.stdout
