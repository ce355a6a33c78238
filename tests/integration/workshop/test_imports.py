"""A run imports nothing of a developer's tools, and the image does not have them."""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import ROOT, Migrate

# Runs the command line in this process, and says which modules that has imported.
RUN = """\
import json, pathlib, sys
from migration_runner.cli.main import main
code = main(sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize("command", ["upgrade", "status", "check", "wait", "build", "current"])
def test_a_run_imports_none_of_it(
    project: Project, migrate: Migrate, database: Database, command: str
) -> None:
    project.table("first", "orders")
    if command != "upgrade":
        assert 0 == migrate.run(DATABASE_URL=database.url).exit_code

    answer = project.folder / "modules.json"
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-c", RUN, str(answer), command],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url},
        check=False,
        capture_output=True,
        text=True,
    )

    code, modules = json.loads(answer.read_text())
    # Of `check`: this env.py passes no models.
    assert code == (78 if command == "check" else 0), done.stdout + done.stderr
    assert [] == [name for name in modules if name.startswith("migration_runner.workshop")]


def test_the_image_does_not_get_it() -> None:
    left_out = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith(("#", "!"))
    ]

    assert any(fnmatch.fnmatch("migration_runner/workshop", pattern) for pattern in left_out[1:])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package as the image has it."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copytree(
        ROOT / "migration_runner",
        folder / "migration_runner",
        ignore=shutil.ignore_patterns("workshop", "__pycache__"),
    )
    return folder


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("verify",), "verify"),
        (("rebase",), "rebase"),
        (("check", "--deep"), "check --deep"),
        (("revision", "--autogenerate", "-m", "x"), "revision --autogenerate"),
    ],
)
def test_a_tool_that_was_left_out_is_named(
    project: Project, migrate: Migrate, image: Path, words: tuple[str, ...], name: str
) -> None:
    project.table("first", "orders")

    result = migrate.start_command(
        [sys.executable, "-m", "migration_runner", *words],
        PYTHONPATH=str(image),
        MIGRATE_SHADOW="new",
    ).wait()

    assert 64 == result.exit_code, result.stdout + result.stderr
    said = f"`migrate {name}` is a developer's tool, and this image has none."
    assert said in json.loads(result.stderr.splitlines()[-1])["summary"]
