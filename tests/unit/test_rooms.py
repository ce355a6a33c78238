"""The rooms of the package import downwards only, and the contracts that say so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.runner import ROOT

_LAYERS: Final = "Every room imports only rooms below it"
_ALEMBIC: Final = "Only project/ imports Alembic"
_FAST_PATH: Final = "fast_path/ imports the interpreter and libpq only"
_TOOLS: Final = "Only start, commands/ and the workshop import a developer's tools"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own arguments
        [
            ROOT / ".venv" / "bin" / "lint-imports",
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("settings/durations.py", "import migration_runner.run.progress", _LAYERS),
        ("signals.py", "import migration_runner.clock", _LAYERS),
        ("a_new_room/__init__.py", "", _LAYERS),
        ("run/progress.py", "import alembic", _ALEMBIC),
        ("fast_path/url.py", "import re", _FAST_PATH),
        ("run/progress.py", "import migration_runner.build.manifest", _TOOLS),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    module: str, statement: str, contract: str, tmp_path: Path
) -> None:
    package = tmp_path / "migration_runner"
    shutil.copytree(ROOT / "migration_runner", package)
    assert 0 == _lint(tmp_path).returncode

    changed = package / module
    changed.parent.mkdir(exist_ok=True)
    with changed.open("a") as file:
        file.write(f"\n{statement}\n")
    result = _lint(tmp_path)

    assert 1 == result.returncode
    assert f"{contract} BROKEN" in " ".join(result.stdout.split())
