"""A fresh process for each of Alembic's commands, forked once everything is imported.

Two commands in one process are not what a deployment does: Alembic remembers which types it has
created, and a project's module-level engine is bound to the first command's event loop.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import select
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from migration_runner.errors import MigrationError
from migration_runner.log import events, logs
from migration_runner.log.bounds import shorten
from migration_runner.worker.client import Channel, WorkerProcess, channel_pair
from migration_runner.workshop.forked import SERVE, Outcome, load
from migration_runner.workshop.replies import Replies

_PROGRAM: Final = """\
from migration_runner.project.importing import import_alembic
import_alembic()
import migration_runner.workshop.forked
import migration_runner.workshop.tasks
if worker.serve():
    sys.exit(migration_runner.workshop.forked.main(sys.argv[1:]))
"""
_READ: Final = 65_536
# As often, what takes long is reported.
_PATIENCE: Final = 10.0
# Of what a project prints.
_LONGEST: Final = 65_536
_LONGEST_LINE: Final = 200
# Of a log's record: this process has its own.
_OWN_FACTS: Final = frozenset({"event", "timestamp", "level", "run_id"})
# Modules that a project may not share: each process loads them anew.
_ALEMBICS_OWN: Final = ("env_py",)


class TaskCrashed(MigrationError):
    """A task ended without a result: a bug."""


class TaskEnded(TaskCrashed):
    """The project has ended a task's process."""


class Processes:
    """Carries out `tasks`, each in a process of its own, with this environment.

    Several threads may have tasks carried out at once.
    """

    def __init__(self, environment: Mapping[str, str | None]) -> None:
        """Start importing; that goes on while other things are prepared."""
        self._environment = environment
        self._worker = Replies(WorkerProcess(_PROGRAM))
        self._preloaded: Replies | None = None
        self._may_preload = True
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def run(self, task: str, **words: Any) -> Any:
        """Return what one of `tasks` returns.

        Raises what it raises of `MigrationError`, `TaskEnded` and `TaskCrashed`.
        """
        outcome, printed = None, ""
        if (preloaded := self._preloaded) is not None:
            # None: it has a thread, which cannot be forked, or was killed.
            outcome, printed = self._ask(preloaded, task, words)
        if outcome is None:
            outcome, printed = self._ask(self._worker, task, words)
        if outcome is None:
            message = f"The process of {task} could not be started."
            raise TaskCrashed(message)
        if outcome.error is not None:
            _log_env_failure(printed)
            raise outcome.error
        if outcome.crash:
            raise TaskCrashed(outcome.crash)
        with self._lock:
            if self._may_preload:
                self._may_preload = False
                self._preloaded = self._preload(outcome)
        return outcome.value

    def close(self) -> None:
        """End all processes; who waits for one is told that it has ended."""
        with self._lock:
            self._may_preload = False
        if self._preloaded is not None:
            self._preloaded.close()
        self._worker.close()

    def _preload(self, outcome: Outcome) -> Replies:
        """Have what a task has imported imported once, for all that follow."""
        modules = [
            name
            for name in outcome.modules
            if name not in _ALEMBICS_OWN and not name.startswith("migration_runner.")
        ]
        request = _in_memory((modules, outcome.path, outcome.environment))
        ours, theirs = channel_pair()
        with theirs:
            message = {"id": 0, "arguments": [SERVE], "environment": {}}
            self._worker.send(message, [theirs.fileno(), request])
        os.close(request)
        return Replies(Channel(ours))

    def _ask(
        self, worker: Replies, task: str, words: Mapping[str, Any]
    ) -> tuple[Outcome | None, str]:
        """Return what became of a task, and what its process has printed.

        None if it had no process: its worker is gone.
        """
        message = {
            "id": next(self._numbers),
            "arguments": [],
            "environment": dict(self._environment),
        }
        request, result = _in_memory((task, dict(words))), _in_memory()
        output, theirs = os.pipe()
        try:
            ended = worker.send(message, [theirs, request, result])
            os.close(theirs)
            printed = _wait(ended, output, _describe(task, words))
        finally:
            os.close(output)
            os.close(request)
        status = ended.result()
        # Empty: the project has ended the process.
        if status == 0 and os.fstat(result).st_size:
            return load(result), printed
        os.close(result)
        if status is None:
            return None, printed
        raise TaskEnded(_describe_end(status, printed))


def _in_memory(content: Any = None) -> int:
    """Return a file with this content: it may have secrets, which are not to be on a disk."""
    try:
        descriptor = os.memfd_create("migrate")
    except AttributeError:
        # Not Linux: at least nobody else can open it.
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    if content is not None:
        with open(os.dup(descriptor), "wb") as file:  # noqa: PTH123 - a descriptor
            pickle.dump(content, file)
    return descriptor


def _wait(ended: Future[int | None], output: int, task: str) -> str:
    """Return what a process has printed, once it has ended."""
    end, wakeup = os.pipe()
    ended.add_done_callback(lambda _: os.close(wakeup))
    printed = bytearray()
    sources = [output, end]
    started = time.monotonic()
    try:
        while True:
            readable, _, _ = select.select(sources, [], [], _PATIENCE)
            if not readable:
                seconds = time.monotonic() - started
                logs.get_logger().warning(events.TOOL_WAITING, task=task, waited_seconds=seconds)
            if output in readable:
                data = os.read(output, _READ)
                printed += data
                del printed[:-_LONGEST]
                if not data:
                    sources.remove(output)
            elif end in readable:
                # All that it has printed was read: a process that it left may keep the pipe open.
                return printed.decode(errors="replace")
    finally:
        os.close(end)


def _describe(task: str, words: Mapping[str, Any]) -> str:
    """Return what a process does, in words."""
    target = words.get("target") or " ".join(words.get("targets", ()))
    return f"{task.replace('_', ' ')} {target}".strip()


def _log_env_failure(printed: str) -> None:
    """Log here what the process has logged of a failure in env.py: the traceback."""
    for line in printed.splitlines():
        with contextlib.suppress(ValueError):
            facts = json.loads(line)
            if isinstance(facts, dict) and facts.get("event") == events.ENV_FAILED:
                kept = {name: each for name, each in facts.items() if name not in _OWN_FACTS}
                logs.get_logger().error(events.ENV_FAILED, **kept)


def _describe_end(status: int, printed: str) -> str:
    """Return in words how a process ended, and the last line that it has printed."""
    code = os.waitstatus_to_exitcode(status)
    how = f"with exit code {code}" if code >= 0 else f"by the signal {signal.Signals(-code).name}"
    lines = printed.strip().splitlines()
    last = f" It printed last: {shorten(lines[-1].rstrip('.'), _LONGEST_LINE)}." if lines else ""
    return f"The revision or env.py ended the process, {how}.{last}"
