"""Checks before a build ends that env.py's imports will succeed.

Nothing of the project's is executed for that, unless its source shows an import that fails. Then
env.py decides itself, in another process and up to its first connection: it may extend Python's
path, or load modules in ways of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from migration_runner.build.env_imports import BrokenImport, read_imports
from migration_runner.errors import HistoryError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.errors import find_nearby
from migration_runner.run.env_database import reaches_connection

_TRIAL_SECONDS: Final = 30


def require_imports(project: AlembicProject) -> list[Path]:
    """Return env.py and the project's own files that it imports. Raises `HistoryError`."""
    env = project.env_file
    if not env.is_file():
        return []
    roots = _roots(env)
    try:
        return read_imports(env, roots, sys.path)
    except RecursionError:
        return [env]
    except BrokenImport as error:
        path = _try_out(project)
        if path is None:
            return [env]
        return _read_again(env, roots, path) if path != sys.path else _refuse(error)


def own_files(env: Path) -> list[Path]:
    """Return env.py and the project's own files that it imports, as far as that can be read."""
    if not env.is_file():
        return []
    try:
        return read_imports(env, _roots(env), sys.path)
    except (BrokenImport, RecursionError):
        return [env]


def _roots(env: Path) -> list[Path]:
    return [Path.cwd(), env.resolve().parents[1]]


def _read_again(env: Path, roots: Sequence[Path], path: Sequence[str]) -> list[Path]:
    try:
        return read_imports(env, [*roots, *map(Path, set(path) - set(sys.path))], path)
    except BrokenImport as error:
        return _refuse(error)


def _refuse(error: BrokenImport) -> list[Path]:
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


def _try_out(project: AlembicProject) -> list[str] | None:
    """Run env.py in a process of its own; return Python's path where it failed.

    None if it came as far as its first connection, or did not end: then its imports may be right.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _in_child(project, writer)
    os.close(writer)
    with open(reader, "rb") as answers:  # noqa: PTH123 - a pipe
        answer = answers.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else None


def _in_child(project: AlembicProject, writer: int) -> None:
    """Write Python's path if env.py failed, and end the process."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_TRIAL_SECONDS)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        if not reaches_connection(project):
            os.write(writer, json.dumps(sys.path).encode())
    finally:
        os._exit(0)
