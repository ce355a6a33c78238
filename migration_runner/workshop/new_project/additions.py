"""What `migrate init --into` adds to a folder: whatever is not there under any usual name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from migration_runner.errors import UsageError
from migration_runner.workshop.new_project.existing import Existing
from migration_runner.workshop.new_project.layout import (
    DOCKERFILE,
    Files,
    Parts,
    alembic_files,
    deployment_files,
    needed_packages,
)
from migration_runner.workshop.new_project.requirements import find_requirements
from migration_runner.workshop.new_project.variants import Variant, project_name

# An application's own; then the migrations have another one.
_OTHER_DOCKERFILE: Final = "Dockerfile.migrate"
_OURS: Final = re.compile(r"migrate\W+build")
# docker compose and people read these in place of each other.
_SAME: Final = {
    "compose.yaml": ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
    "README.md": ("README.md", "README.rst", "README.txt", "README", "readme.md"),
}


def additions(folder: Path, existing: Existing, now: datetime) -> tuple[Files, list[str]]:
    """Return the files to add to an Alembic project, and those that stand in for one of them."""
    parts = Parts(
        project_name(folder),
        existing.paths,
        existing.environment,
        _dockerfile(folder),
        find_requirements(existing.modules),
    )
    files = deployment_files(parts)
    usual = alembic_files(Variant(), now)
    files[f"{existing.script}/script.py.mako"] = usual["migrations/script.py.mako"]
    kept = [existing.config, f"{existing.script}/env.py"]
    return _missing(folder, files, kept)


def whole_project(folder: Path, variant: Variant, now: datetime) -> tuple[Files, list[str]]:
    """Return the files of a project for a folder without Alembic; and those that are there.

    Raises `UsageError` if what is there cannot be a part of it.
    """
    for path, how in ((variant.config, "leave --pyproject out"), ("migrations", "move it")):
        if (folder / path).exists():
            message = f"{folder / path} is there, and is no part of an Alembic project: {how}."
            raise UsageError(message)
    with_models = not (folder / "models").exists() and not (folder / "models.py").exists()
    models = "models.py" if (folder / "models.py").exists() else "models"
    parts = Parts(
        project_name(folder),
        (variant.config, models, "migrations"),
        dockerfile=_dockerfile(folder),
        requirements=needed_packages(variant),
    )
    files = alembic_files(variant, now, with_models=with_models)
    files |= deployment_files(parts)
    kept = [] if with_models else [models]
    return _missing(folder, files, kept)


def new_project(folder: Path, variant: Variant, now: datetime) -> Files:
    """Return the files of a project of its own."""
    parts = Parts(
        project_name(folder),
        (variant.config, "models", "migrations"),
        requirements=needed_packages(variant),
    )
    return alembic_files(variant, now) | deployment_files(parts)


def _missing(folder: Path, files: Files, kept: Sequence[str]) -> tuple[Files, list[str]]:
    """Return the files that the folder lacks; and the `kept` ones with those that it has."""
    found = {path: _found(folder, path) for path in files}
    missing = {path: text for path, text in files.items() if found[path] is None}
    return missing, [*kept, *(name for name in found.values() if name is not None)]


def _found(folder: Path, path: str) -> str | None:
    """Return the name under which a file is there already."""
    names: Sequence[str] = _SAME.get(path, (path,))
    return next((name for name in names if (folder / name).exists()), None)


def _dockerfile(folder: Path) -> str:
    """Return the name of the Dockerfile of the migrations."""
    file = folder / DOCKERFILE
    if not file.is_file() or _OURS.search(file.read_text(errors="replace")):
        return DOCKERFILE
    return _OTHER_DOCKERFILE
