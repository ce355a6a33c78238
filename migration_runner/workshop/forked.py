"""What a forked process does: one of `tasks`. Request and result are files in memory."""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from migration_runner.errors import Interrupted, MigrationError
from migration_runner.log import logs, streams
from migration_runner.settings.environment_secrets import hide_environment_secrets
from migration_runner.signals import interruptible, unblock_signals
from migration_runner.worker.worker import Worker
from migration_runner.workshop.failures import note_needs

SERVE: Final = "serve"
_TASKS: Final = "migration_runner.workshop.tasks"


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its result, or what ended it.

    `modules`, `path` and `environment` are what it had imported and set at its end.
    """

    value: Any = None
    error: MigrationError | None = None
    crash: str = ""
    modules: Sequence[str] = ()
    path: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Do what a request says; return once there is nothing more to serve.

    The arguments are the descriptors of request and result.
    """
    while arguments and arguments[0] == SERVE:
        worker = _preload(int(arguments[1]))
        if worker is None or not worker.serve():
            return 0
        arguments = sys.argv[1:]
    request, result = map(int, arguments)
    name, words = load(request)
    before = frozenset(sys.modules)
    outcome = _carry_out(name, words)
    own = [each for each in sys.modules if each not in before]
    outcome = Outcome(
        outcome.value, outcome.error, outcome.crash, own, tuple(sys.path), dict(os.environ)
    )
    with open(result, "wb") as file:  # noqa: PTH123 - a descriptor
        pickle.dump(outcome, file)
    sys.stdout.flush()
    sys.stderr.flush()
    # Whatever the project has started ends with this process.
    os._exit(0)


def load(descriptor: int) -> Any:
    """Read what another of our own processes has written, from the beginning, and close it."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb") as file:
        return pickle.load(file)  # noqa: S301 - our own process's


def _carry_out(name: str, words: Mapping[str, Any]) -> Outcome:
    streams.open_standard_streams()
    hide_environment_secrets(os.environ)
    logs.configure_logging("json", "warning")
    try:
        with interruptible(lambda number: os._exit(128 + number)) as disarm:
            unblock_signals()
            try:
                function = getattr(importlib.import_module(_TASKS), name)
                return Outcome(function(**words))
            finally:
                disarm()
    except Interrupted as error:
        os._exit(error.exit_code)
    except MigrationError as error:
        note_needs(error)
        return Outcome(error=error)
    except BaseException:  # noqa: BLE001 - whatever the project raises
        return Outcome(crash=traceback.format_exc())


def _preload(request: int) -> Worker | None:
    """Import what a project imports, and serve what is forked from here on; None if it cannot be.

    Standard output is the socket.
    """
    modules, path, environment = load(request)
    connected = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001, S112 - it is imported where it is needed, or not
            continue
    # What is searched for garbage is copied, in each process that is forked from here.
    gc.collect()
    gc.freeze()
    if threading.active_count() > 1:
        # A forked process would have their locks, but not the threads.
        return None
    return Worker(connected)
