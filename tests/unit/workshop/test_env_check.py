"""An env.py that could not be run is a finding, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.settings.settings import Settings, load_settings
from migration_runner.workshop.env_check import check_env
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import ROOT


def _settings(project: Project, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(project.folder)
    return load_settings({}, {"files": ["alembic.ini"]})


@pytest.mark.parametrize(
    "folder", [ROOT, ROOT / "tests" / "projects" / "shop", ROOT / "deploy" / "from-base"]
)
def test_our_own_are_no_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert [] == check_env(load_settings({}, {}))


@pytest.mark.parametrize("header", ["import nobodys\n", "def f():\n    import nobodys\nf()\n"])
def test_an_import_that_fails(
    project: Project, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    project.revision("r1")
    project.write_env(header + ENV_PY)

    (found,) = check_env(_settings(project, monkeypatch))

    assert ("env", project.folder / "migrations" / "env.py") == (found.check, found.file)
    assert 1 + header[: header.index("import")].count("\n") == found.line
    assert "No module named 'nobodys'" in found.message


def test_the_placeholder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.revision("r1")
    ini = project.folder / "alembic.ini"
    ini.write_text(f"{ini.read_text()}sqlalchemy.url = driver://user:pass@localhost/dbname\n")
    project.write_env(
        "from alembic import context\nfrom sqlalchemy import create_engine\n"
        "create_engine(context.config.get_main_option('sqlalchemy.url'))\n"
    )

    (found,) = check_env(_settings(project, monkeypatch))

    assert ("env", Path("alembic.ini")) == (found.check, found.file)
    assert "placeholder of `alembic init`" in found.message


def test_no_env_py(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.revision("r1")
    (project.folder / "migrations" / "env.py").unlink()

    (found,) = check_env(_settings(project, monkeypatch))

    assert "env.py does not exist." == found.message


def test_a_broken_history_is_for_another_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.revision("r1", down="gone")
    project.write_env("import nobodys\n")

    assert [] == check_env(_settings(project, monkeypatch))
