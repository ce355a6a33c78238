"""Checks before a build ends that env.py can be run with what is there.

Nothing of the project's is executed for that, unless its source shows an import that may fail, or
its configuration has the placeholder of `alembic init`. Then env.py decides itself, in a trial: it
may extend Python's path, or load modules in ways of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from migration_runner.build.env_imports import BrokenImport, Imports, read_imports
from migration_runner.build.env_trial import Trial, try_out
from migration_runner.errors import ConfigError, HistoryError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.errors import find_nearby
from migration_runner.run.env_database import is_placeholder


def require_env(project: AlembicProject) -> list[Path]:
    """Return env.py and the project's own files that it imports.

    Raises `HistoryError` for an import that fails, `ConfigError` for the placeholder's URL.
    """
    env = project.env_file
    if not env.is_file():
        return []
    roots = _roots(env)
    broken: BrokenImport | None = None
    try:
        imports = read_imports(env, roots, sys.path)
    except RecursionError:
        return [env]
    except BrokenImport as error:
        broken, imports = error, Imports([env], [error])
    if not imports.suspects and not is_placeholder(project.url_in_configuration):
        return imports.files
    trial = try_out(project)
    if trial is None or (broken and trial.connected):
        return imports.files
    if trial.placeholder:
        raise ConfigError(trial.placeholder, reason="placeholder_url")
    if broken:
        return _read_again(env, roots, trial.path) if trial.path != sys.path else _refuse(broken)
    _require_success(trial, imports.suspects)
    return imports.files


def own_files(env: Path) -> list[Path]:
    """Return env.py and the project's own files that it imports, as far as that can be read."""
    if not env.is_file():
        return []
    try:
        return read_imports(env, _roots(env), sys.path).files
    except (BrokenImport, RecursionError):
        return [env]


def _roots(env: Path) -> list[Path]:
    return [Path.cwd(), env.resolve().parents[1]]


def _read_again(env: Path, roots: Sequence[Path], path: Sequence[str]) -> list[Path]:
    try:
        return read_imports(env, [*roots, *map(Path, set(path) - set(sys.path))], path).files
    except BrokenImport as error:
        _refuse(error)


def _require_success(trial: Trial, suspects: Sequence[BrokenImport]) -> None:
    """Raise `HistoryError` for an import that has failed, or whose failure env.py does not bear."""
    if not trial.message:
        return
    place = Path(trial.file or "env.py")
    if not trial.attribute:
        _refuse(BrokenImport(trial.message, place, trial.line, trial.module))
    for suspect in suspects:
        # It stands in the same file, and was passed over.
        if suspect.module and suspect.file.resolve() == place.resolve():
            line = "" if trial.line is None else f", line {trial.line}"
            detail = f"{suspect.detail}, and then {trial.message} in {place.name}{line}"
            _refuse(BrokenImport(detail, suspect.file, suspect.line, suspect.module))


def _refuse(error: BrokenImport) -> NoReturn:
    line = "" if error.line is None else f", line {error.line}"
    message = f"env.py cannot be imported: {error.detail} ({error.file}{line})."
    name = error.module.partition(".")[0]
    if isinstance(error.__cause__, OSError):
        message += " Make the file readable (chmod -R a+rX)."
    elif not error.module:
        message += " Correct the file."
    elif "." in error.module or error.detail.startswith("cannot"):
        message += " Copy the missing file, too (a .dockerignore may leave it out)."
    elif found := find_nearby(name):
        message += (
            f" It is in {found}, which is not on Python's path: set prepend_sys_path = {found} in"
            " the Alembic configuration, or PYTHONPATH."
        )
    else:
        message += f" Copy {name} (a .dockerignore may leave it out), or install its package."
    raise HistoryError(
        message,
        reason="import_error",
        file=str(error.file),
        **({} if error.line is None else {"line": error.line}),
        **({"module": error.module} if error.module else {}),
    ) from None
