"""Runs env.py in a process of its own, up to `context.configure()`, to see what it imports.

Its connections are to an empty SQLite database in memory. It reaches no network and starts no
process. Whatever else it fails with says nothing: a build has neither its settings nor a database.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from migration_runner.build.env_trial_guards import Connects, Guards
from migration_runner.history.request import Request
from migration_runner.log import capture
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.errors import is_project_file, locate
from migration_runner.run.env_database import explain_placeholder

_TRIAL_SECONDS: Final = 30
# An env.py that needs more settings than that is not tried to its end.
_MOST_TRIALS: Final = 20
_URL: Final = "postgresql://trial@trial.invalid/trial"
_URL_WORDS: Final = ("URL", "URI", "DSN")


@dataclass(frozen=True)
class Trial:
    """How env.py ended, and Python's path then.

    `connected`: it came as far as its first connection. `message` describes the failed import of
    `module`, at `file` and `line`; or, if that is an `attribute`, a name that is missing.
    `placeholder`: it has used the URL that `alembic init` writes. `asked`: the variables that it
    asked for in vain, of which it needs `needed`; `reads_all`: it looks at all of them.
    """

    path: list[str]
    connected: bool = False
    message: str = ""
    attribute: bool = False
    file: str | None = None
    line: int | None = None
    module: str = ""
    placeholder: str = ""
    asked: tuple[str, ...] = ()
    reads_all: bool = False
    needed: str = ""


def try_out(project: AlembicProject) -> Trial | None:
    """Return how env.py ends; None if it does not, or ends the process.

    It gets a value for each variable that it cannot do without.
    """
    given: dict[str, str] = {}
    for _ in range(_MOST_TRIALS):
        trial = _try_with(project, given)
        if trial is None or not trial.needed or trial.needed in given:
            break
        given[trial.needed] = _value_of(trial.needed)
    if trial is not None and trial.placeholder and (trial.asked or trial.reads_all):
        # A run may have them: it is still the placeholder only if they make no difference.
        with_all = _try_with(project, given | {name: _value_of(name) for name in trial.asked})
        if trial.reads_all or with_all is None or not with_all.placeholder:
            return dataclasses.replace(trial, placeholder="")
    return trial


def _value_of(variable: str) -> str:
    if any(word in variable.upper() for word in _URL_WORDS):
        return _URL
    return "5432" if "PORT" in variable.upper() else "trial"


def _try_with(project: AlembicProject, variables: Mapping[str, str]) -> Trial | None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _in_child(project, variables, writer)
    os.close(writer)
    with open(reader, "rb") as answers:  # noqa: PTH123 - a pipe
        answer = answers.read()
    os.waitpid(child, 0)
    if not answer:
        return None
    found = json.loads(answer)
    return Trial(**{**found, "asked": tuple(found["asked"])})


def _in_child(project: AlembicProject, variables: Mapping[str, str], writer: int) -> None:
    """Write how env.py has ended, and end the process."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_TRIAL_SECONDS)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.environ.update(variables)
        guards = Guards()
        guards.install()
        error = _run_env(project, guards)
        facts = _describe(project, error, invented=bool(variables))
        trial = Trial(
            sys.path,
            connected=guards.connected,
            asked=tuple(sorted(guards.asked)),
            reads_all=guards.reads_all,
            **facts,
        )
        os.write(writer, json.dumps(asdict(trial)).encode())
    finally:
        os._exit(0)


def _run_env(project: AlembicProject, guards: Guards) -> BaseException | None:
    try:
        with capture.captured_prints():
            project.run_env(Request("upgrade", ("heads",)), guards.offer, guards)
    except (Connects, Exception, SystemExit) as error:  # noqa: BLE001 - whatever env.py raises
        return error
    return None


def _describe(
    project: AlembicProject, error: BaseException | None, *, invented: bool
) -> dict[str, Any]:
    """Return what an error says of env.py's imports; nothing of most errors."""
    if error is None or isinstance(error, Connects):
        return {}
    if placeholder := explain_placeholder(project, error):
        return {"placeholder": placeholder.message}
    if failed := _failed_import(error):
        return _describe_import(failed, invented=invented)
    if isinstance(error, KeyError) and _innermost_file(error) in (os.__file__, "<frozen os>"):
        return {"needed": str(error.args[0])}
    if isinstance(error, NameError | AttributeError) and _is_missing_name(error):
        return {**_place(error), "message": f"{type(error).__name__}: {error}", "attribute": True}
    return {}


def _describe_import(error: ImportError, *, invented: bool) -> dict[str, Any]:
    file = _innermost_file(error)
    # In SQLAlchemy, it is the driver of a URL, which may be another one's in a run.
    if "/sqlalchemy/" in file or (invented and not is_project_file(file)):
        return {}
    # Without the place that Python adds: `(/srv/models.py)`.
    message = str(error).partition(" (")[0]
    return {**_place(error), "module": error.name or "", "message": message}


def _failed_import(error: BaseException) -> ImportError | None:
    """Return the failed import that an error is, or that it was raised for."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ImportError):
        found = found.__cause__ or _handled(found)
    return found


def _handled(error: BaseException) -> BaseException | None:
    """Return the error that was being handled, if the handler itself has raised this one.

    Not if it has called something, which has failed for another reason.
    """
    handled = error.__context__
    if handled is None:
        return None
    *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
    return handled if raised_in in dict(traceback.walk_tb(handled.__traceback__)) else None


def _is_missing_name(error: NameError | AttributeError) -> bool:
    """Whether it is not of an object that the trial has made, or a library's."""
    if isinstance(error, NameError):
        return True
    return error.obj is None or isinstance(error.obj, type(sys))


def _place(error: BaseException) -> dict[str, Any]:
    place = locate(error)
    return {"file": place[0], "line": place[1]} if place else {}


def _innermost_file(error: BaseException) -> str:
    """Return the file that raised an error, or in which the import stands that did."""
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    importing = ("<frozen importlib", importlib.__file__)
    return next((file for file in reversed(frames) if not file.startswith(importing)), "")
