"""Where in somebody's own files an error comes from, and what is missing there."""

from __future__ import annotations

import configparser
import sysconfig
import traceback
from pathlib import Path
from typing import Any, Final

# Neither Python's own files nor installed packages are the project's.
_NOT_THEIRS: Final = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "purelib", "platlib")
)
_OURS: Final = str(Path(__file__).resolve().parents[1]) + "/"


def locate(error: BaseException) -> tuple[str, int] | None:
    """Return file and line of the project's own code that an error comes through last."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return error.filename, error.lineno
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.lineno and _is_theirs(frame.filename):
            return frame.filename, frame.lineno
    return None


def is_ours(error: BaseException) -> bool:
    """Whether this package raised an error itself: a bug, and not env.py's or a revision's."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and str(Path(frames[-1].filename).resolve()).startswith(_OURS)


def describe_interpolation(error: configparser.InterpolationSyntaxError) -> str:
    """Return what is wrong with a value, without what it quotes: a part of a password, maybe."""
    return f"a single % in `{error.option}`: write %% for each, also in a URL (%%40)"


def format_traceback(error: BaseException) -> str:
    """Return an error's traceback from the project's own code on; empty where it could quote."""
    if isinstance(error, configparser.InterpolationSyntaxError):
        return ""
    frames = error.__traceback__
    while frames is not None and not _is_theirs(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def _is_theirs(filename: str) -> bool:
    path = str(Path(filename).resolve())
    return not filename.startswith("<") and not path.startswith((*_NOT_THEIRS, _OURS))


def describe_env_error(error: BaseException, detail: str) -> tuple[str, dict[str, Any]]:
    """Return what to say of an error that env.py, or what it imports, ended with; and the facts."""
    place = locate(error)
    at = f" ({place[0]}, line {place[1]})" if place else ""
    facts: dict[str, Any] = {"file": place[0], "line": place[1]} if place else {}
    if isinstance(error, SystemExit):
        return f"env.py called sys.exit({error.code!r}){at}.", facts
    if isinstance(error, ImportError):
        return _describe_import_error(error, detail, at, facts)
    return f"env.py failed{at}: {type(error).__name__}: {detail}.", facts


def _describe_import_error(
    error: ImportError, detail: str, at: str, facts: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    name = (error.name or "").partition(".")[0]
    facts |= {"module": error.name} if error.name else {}
    if not isinstance(error, ModuleNotFoundError) or not name:
        advice = "Look whether the installed version goes with this code."
    elif found := _near(name):
        advice = (
            f"There is one in {found}, which is not on Python's path: set prepend_sys_path ="
            f" {found} in the Alembic configuration, or PYTHONPATH."
        )
    else:
        advice = f"Install what brings {name} into this environment or image."
    return f"An import failed{at}: {detail}. {advice}", facts


def _near(name: str) -> Path | None:
    """Return the folder near the working directory that has the module."""
    here = Path.cwd()
    for folder in (here, here / "src", here.parent):
        if (folder / f"{name}.py").is_file() or (folder / name).is_dir():
            return folder
    return None
