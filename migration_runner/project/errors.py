"""Locates errors in the project's own files, and describes what env.py failed with."""

from __future__ import annotations

import configparser
import sysconfig
import traceback
from pathlib import Path
from typing import Any, Final

from migration_runner.project.pins import explain_versions
from migration_runner.project.unloadable import unloadable_file

# Python's own files and installed packages are not the project's.
_INSTALLED: Final = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "purelib", "platlib")
)
_RUNNER: Final = str(Path(__file__).resolve().parents[1]) + "/"


def locate(error: BaseException) -> tuple[str, int | None] | None:
    """Return the project's file, and the line, that an error comes from.

    That is a file that cannot be loaded, or the innermost frame in the project's own code.
    """
    line = error.lineno if isinstance(error, SyntaxError) else None
    if file := unloadable_file(error):
        return file, line
    if isinstance(error, SyntaxError) and error.filename and is_project_file(error.filename):
        return error.filename, line
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.lineno and is_project_file(frame.filename):
            return frame.filename, frame.lineno
    return None


def name_place(place: tuple[str, int | None]) -> str:
    """Return a file, and the line if it is known."""
    file, line = place
    return f"{file}, line {line}" if line else file


def is_ours(error: BaseException) -> bool:
    """Whether this package raised an error itself: a bug, and not env.py's or a revision's."""
    frames = traceback.extract_tb(error.__traceback__)
    if unloadable_file(error):
        return False
    return bool(frames) and str(Path(frames[-1].filename).resolve()).startswith(_RUNNER)


def describe_interpolation(error: configparser.InterpolationSyntaxError) -> str:
    """Describe the error without quoting the value, which may have a password."""
    return f"a single % in `{error.option}`: write %% for each %, also in a URL (%%40)"


def format_traceback(error: BaseException) -> str:
    """Return a traceback from the project's own code on; empty if it could quote a secret."""
    if isinstance(error, configparser.InterpolationSyntaxError):
        return ""
    frames = error.__traceback__
    while frames is not None and not is_project_file(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def is_project_file(filename: str) -> bool:
    """Whether a file is neither Python's, nor a package's, nor the runner's."""
    path = str(Path(filename).resolve())
    return not filename.startswith("<") and not path.startswith((*_INSTALLED, _RUNNER))


def describe_env_error(error: BaseException, detail: str) -> tuple[str, dict[str, Any]]:
    """Return message and facts for an error of env.py's, or of a module that it imports."""
    place = locate(error)
    at = f" ({name_place(place)})" if place else ""
    facts: dict[str, Any] = {"file": place[0], "line": place[1]} if place else {}
    if isinstance(error, SystemExit):
        return f"env.py called sys.exit({error.code!r}){at}.", facts
    if isinstance(error, ImportError):
        return _describe_import_error(error, detail, at, facts)
    return f"env.py failed{at}: {type(error).__name__}: {detail}.{explain_versions()}", facts


def _describe_import_error(
    error: ImportError, detail: str, at: str, facts: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    name = (error.name or "").partition(".")[0]
    facts |= {"module": error.name} if error.name else {}
    if not isinstance(error, ModuleNotFoundError) or not name:
        advice = "Check that the installed version is one that this code works with."
    elif found := find_nearby(name):
        advice = (
            f"It is in {found}, which is not on Python's path: set prepend_sys_path = {found}"
            " in the Alembic configuration, or PYTHONPATH."
        )
    else:
        advice = f"Install the package that provides {name}."
    return f"An import failed{at}: {detail}. {advice}{explain_versions()}", facts


def find_nearby(name: str) -> Path | None:
    """Return a folder near the working directory that has the module."""
    here = Path.cwd()
    for folder in (here, here / "src", here.parent):
        if (folder / f"{name}.py").is_file() or (folder / name).is_dir():
            return folder
    return None
