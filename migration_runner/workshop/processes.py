"""A fresh process for each of Alembic's commands, forked once everything is imported.

Two commands in one process are not what a deployment does: Alembic remembers which types it has
created, and a project's module-level engine is bound to the first command's event loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from migration_runner.errors import MigrationError
from migration_runner.log import events, logs
from migration_runner.log.bounds import shorten
from migration_runner.worker.client import Channel, WorkerProcess, channel_pair
from migration_runner.workshop.forked import SERVE, Outcome

_PROGRAM: Final = """\
from migration_runner.project.importing import import_alembic
import_alembic()
import migration_runner.workshop.forked
import migration_runner.workshop.tasks
if worker.serve():
    sys.exit(migration_runner.workshop.forked.main(sys.argv[1:]))
# The command has ended, or was killed.
import shutil
shutil.rmtree({folder!r}, ignore_errors=True)
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
    """Carries out `tasks`, each in a process of its own, with this environment."""

    def __init__(self, environment: Mapping[str, str | None]) -> None:
        """Start importing; that goes on while other things are prepared."""
        self._environment = environment
        self._folder = Path(tempfile.mkdtemp(prefix="migrate-tasks-"))
        self._worker = WorkerProcess(_PROGRAM.format(folder=str(self._folder)))
        self._preloaded: Channel | None = None
        self._may_preload = True
        self._count = 0
        # What the last task has printed.
        self.printed = ""

    def run(self, task: str, **words: Any) -> Any:
        """Return what one of `tasks` returns.

        Raises what it raises of `MigrationError`, `TaskEnded` and `TaskCrashed`.
        """
        if self._preloaded is not None:
            outcome = self._ask(self._preloaded, task, words)
            if outcome is None:
                # It has a thread now, or was killed.
                self._preloaded.close()
                self._preloaded = None
        else:
            outcome = None
        outcome = outcome or self._ask(self._worker, task, words)
        if outcome is None:
            message = f"The process of {task} could not be started."
            raise TaskCrashed(message)
        if self._may_preload and outcome.error is None and not outcome.crash:
            self._preload(outcome)
        if outcome.error is not None:
            _log_env_failure(self.printed)
            raise outcome.error
        if outcome.crash:
            raise TaskCrashed(outcome.crash)
        return outcome.value

    def close(self) -> None:
        """End all processes."""
        if self._preloaded is not None:
            self._preloaded.close()
        self._worker.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _preload(self, outcome: Outcome) -> None:
        """Have what this task has imported imported once, for all that follow."""
        self._may_preload = False
        modules = [
            name
            for name in outcome.modules
            if name not in _ALEMBICS_OWN and not name.startswith("migration_runner.")
        ]
        request = self._folder / "preload"
        request.write_bytes(pickle.dumps((modules, outcome.path, outcome.environment)))
        ours, theirs = channel_pair()
        with theirs:
            self._worker.send(
                {"id": 0, "arguments": [SERVE, str(request)], "environment": {}}, [theirs.fileno()]
            )
            self._worker.receive()
        self._preloaded = Channel(ours)

    def _ask(self, channel: Channel, task: str, words: Mapping[str, Any]) -> Outcome | None:
        self._count += 1
        request, result = (self._folder / f"{self._count}.{each}" for each in ("in", "out"))
        request.write_bytes(pickle.dumps((task, dict(words))))
        output, theirs = os.pipe()
        try:
            message = {
                "id": self._count,
                "arguments": [str(request), str(result)],
                "environment": dict(self._environment),
            }
            try:
                channel.send(message, [theirs])
            except OSError:
                return None
            finally:
                os.close(theirs)
            self.printed, status = self._wait(channel, output, _describe(task, words))
        finally:
            os.close(output)
        with contextlib.suppress(OSError):
            outcome: Outcome = pickle.loads(result.read_bytes())  # noqa: S301 - our own file
            return outcome
        if status is None:
            return None
        raise TaskEnded(_describe_end(status, self.printed))

    def _wait(self, channel: Channel, output: int, task: str) -> tuple[str, int | None]:
        """Return what the process has printed, once it has ended, and its status as of `waitpid`.

        The status is None if that process could not be had: its worker is gone.
        """
        printed = bytearray()
        sources: list[Any] = [channel.socket, output]
        started = time.monotonic()
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
            elif channel.socket in readable:
                answer = channel.receive()
                if answer is None or (answer["id"] == self._count and "status" in answer):
                    status = None if answer is None else int(answer["status"])
                    return printed.decode(errors="replace"), status


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
