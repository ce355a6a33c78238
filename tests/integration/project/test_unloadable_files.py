"""A file that cannot be loaded is named, and not the loader's or the one that imports it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

OFFLINE_URL = "postgresql://nobody@127.0.0.1:1/nowhere"
Break = Callable[[Path], object]


def _null_bytes(file: Path) -> None:
    file.write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")


def _wrong_encoding(file: Path) -> None:
    file.write_bytes("name = 'café'\n".encode("latin-1"))


def _wrong_syntax(file: Path) -> None:
    file.write_text("def f(:\n")


def _unknown_encoding(file: Path) -> None:
    file.write_text("# coding: klingon\n")


def _too_deep(file: Path) -> None:
    file.write_text(f"x = {'(' * 500}{')' * 500}\n")


SOURCES: list[Break] = [_null_bytes, _wrong_encoding, _wrong_syntax, _unknown_encoding, _too_deep]


@pytest.mark.parametrize("verb", ["upgrade", "build"])
@pytest.mark.parametrize("break_", SOURCES)
def test_a_revision_file(project: Project, migrate: Migrate, verb: str, break_: Break) -> None:
    project.revision("r1")
    break_(project.versions / "._r1.py")

    result = migrate.run(verb, DATABASE_URL=OFFLINE_URL, MIGRATE_WAIT_TIMEOUT="0")

    assert 65 == result.exit_code, result.stdout + result.stderr
    finished = result.finished
    assert str(project.versions / "._r1.py") == str(Path(finished["error"]["file"]).resolve())
    assert "._r1.py" in finished["summary"]
    assert "delete it" in finished["summary"]
    assert "importlib" not in finished["summary"]


@pytest.mark.parametrize("break_", SOURCES)
def test_a_module_that_a_revision_imports(
    project: Project, migrate: Migrate, break_: Break
) -> None:
    project.revision("r1", header="import shop_types")
    break_(project.folder / "shop_types.py")

    result = migrate.run(DATABASE_URL=OFFLINE_URL, MIGRATE_WAIT_TIMEOUT="0")

    assert 65 == result.exit_code, result.stdout + result.stderr
    assert "shop_types.py" == Path(result.finished["error"]["file"]).name
    assert "shop_types.py" in result.finished["summary"]


@pytest.mark.parametrize("break_", SOURCES)
def test_a_module_that_env_py_imports(project: Project, migrate: Migrate, break_: Break) -> None:
    project.revision("r1")
    (project.folder / "shop").mkdir()
    (project.folder / "shop" / "__init__.py").write_text("")
    break_(project.folder / "shop" / "models.py")
    project.write_env("from shop import models\n")

    result = migrate.run(DATABASE_URL=OFFLINE_URL, MIGRATE_WAIT_TIMEOUT="0")

    assert 78 == result.exit_code, result.stdout + result.stderr
    assert "/shop/models.py" in result.finished["summary"]
    assert result.finished["error"]["file"].endswith("models.py")


@pytest.mark.parametrize("break_", SOURCES)
def test_env_py_itself(project: Project, migrate: Migrate, break_: Break) -> None:
    project.revision("r1")
    env = project.folder / "migrations" / "env.py"
    env.unlink(missing_ok=True)
    break_(env)

    result = migrate.run(DATABASE_URL=OFFLINE_URL, MIGRATE_WAIT_TIMEOUT="0")

    assert 78 == result.exit_code, result.stdout + result.stderr
    assert "env.py" in result.finished["summary"]
    assert "importlib" not in result.finished["summary"]


def test_a_text_that_env_py_evaluates_is_no_file(project: Project, migrate: Migrate) -> None:
    project.revision("r1")
    project.write_env("\neval('1 +')\n")

    result = migrate.run(DATABASE_URL=OFFLINE_URL, MIGRATE_WAIT_TIMEOUT="0")

    assert (2, "env.py") == (
        result.finished["error"]["line"],
        Path(result.finished["error"]["file"]).name,
    )
