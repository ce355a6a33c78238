"""A run imports of Alembic what it needs, and finds the rest when somebody wants it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

RENDER = """\
from mako.template import Template

import mako.ext.pygmentplugin

print(Template("${6 * 7}").render(), isinstance(Template("x"), Template))
"""


def test_a_run_needs_no_templates(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")
    # structlog imports rich, and that Pygments, where they are installed: not in the image.
    hidden = project.folder / "hidden"
    hidden.mkdir()
    (hidden / "rich.py").write_text("raise ImportError")
    path = f"{hidden}{os.pathsep}{migrate.environment['PYTHONPATH']}"
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "migration_runner"],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )

    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", result.stderr, re.MULTILINE))
    assert "alembic.util.pyfiles" in imported
    assert not {"mako.template", "pygments"} & imported


def test_an_env_py_has_mako_as_it_is(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(RENDER + ENV_PY)
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    printed = [event["event"] for event in result.events if event.get("logger") == "print"]
    assert ["42 True"] == printed
