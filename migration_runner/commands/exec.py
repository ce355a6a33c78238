"""`migrate exec -- PROGRAM ...`: another migration command, under the run lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy

from migration_runner import __version__, signals
from migration_runner.clock import Stopwatch, SystemClock
from migration_runner.commands.invocation import Invocation
from migration_runner.database.drivers.known import driver_connection
from migration_runner.database.engine import application_name, waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.database.run_lock import LockWait, acquire_run_lock, derive_key
from migration_runner.database.session import WorkSession
from migration_runner.database.session_errors import SESSION_LOST
from migration_runner.database.session_lock import SessionLock
from migration_runner.errors import (
    Interrupted,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
    UsageError,
)
from migration_runner.log import events, logs
from migration_runner.report.report import RunReport
from migration_runner.run.child_process import Child
from migration_runner.run.command_heads import CommandHeads, find_heads
from migration_runner.run.failures import translate_env_failure
from migration_runner.run.work_session import open_for_work
from migration_runner.settings.database_address import export_override
from migration_runner.settings.settings import Settings, trace_alembic_config

_VERSION_TABLE: Final = "alembic_version"
# Seconds. Poolers and proxies end an idle connection after half a minute at the earliest.
_LONGEST_SILENCE: Final = 10.0


def execute(invocation: Invocation) -> None:
    """Wait for the database, take the run lock, run the command, report.

    The report has the heads before and after, where they can be read, and the ledger gets what the
    command applied, where the history is known. Raises `RevisionFailed` if the command fails,
    `TemporaryFailure` if the lock's session is lost: the command is terminated then.
    """
    command, report = invocation.options.targets, invocation.report
    if not command:
        message = "Name the command: `migrate exec -- flask db upgrade`."
        raise UsageError(message)
    # A configuration that is named must exist.
    named = trace_alembic_config(os.environ, invocation.flags).origin != "default"
    settings = invocation.load_settings(needs_database=True, needs_project=named)
    export_override(os.environ)
    report.target = None
    logs.get_logger().info(
        events.RUN_STARTED,
        command=_shown(command),
        runner_version=__version__,
        build=settings.build or None,
    )
    execution = _Execution(command, settings, report)
    try:
        code = execution.run()
    except sqlalchemy.exc.DBAPIError as error:
        raise translate_env_failure(error) from error
    if code:
        ended = f"was terminated by signal {-code}" if code < 0 else f"exited with code {code}"
        message = f"The command {command[0]} {ended}. Its output is in the log."
        raise RevisionFailed(message, reason="command_failed", command_exit_code=code)
    if report.to_revisions is None:
        sentence = f"The command succeeded in {report.elapsed():.1f} s."
        if report.from_revisions is not None:
            sentence += " The database's current revision could not be read."
        report.conclusion = "applied", sentence


def _shown(command: Sequence[str]) -> str:
    """Return a command for the log: its arguments can be secrets."""
    program = command[0] if "=" not in command[0] else f"{command[0].partition('=')[0]}=***"
    return f"{program} ..." if command[1:] else program


class _Execution:
    """One command, while one session holds the run lock."""

    def __init__(self, command: Sequence[str], settings: Settings, report: RunReport) -> None:
        self._command = command
        self._settings = settings
        self._report = report
        self._clock = SystemClock()

    def run(self) -> int:
        """Wait, lock, run the command and return its exit code, negative for a signal."""
        settings, report = self._settings, self._report
        with self._connected() as connection:
            session, _ = open_for_work(settings, report, connection)
            heads = find_heads(settings, report, session)
            lock = SessionLock(session)
            if settings.run_lock == "on":
                self._acquire(lock, heads)
            code = self._run_watched(session, heads)
            heads.record(session, settings)
            lock.unlock()
        return code

    def _acquire(self, lock: SessionLock, heads: CommandHeads) -> None:
        settings = self._settings
        configured, derived = settings.run_lock_key, derive_key(*heads.location)
        waiting = Stopwatch(self._clock)
        try:
            wait = LockWait(settings.run_lock_timeout, settings.heartbeat)
            key = derived if configured is None else configured
            acquire_run_lock(lock, key, wait, self._clock, lambda: False)
        finally:
            self._report.waited_for_run_lock_seconds = waiting.elapsed()

    def _connected(self) -> sqlalchemy.Connection:
        settings = self._settings
        limits = WaitLimits(
            settings.wait_timeout,
            settings.connect_timeout,
            settings.wait_for_database,
            self._creator(),
        )
        name = application_name(self._report.run_id)
        waiting = Stopwatch(self._clock)
        assert settings.database is not None  # noqa: S101 - `execute` requires one
        try:
            return waiting_engine(settings.database, limits, name).connect()
        finally:
            self._report.waited_for_database_seconds = waiting.elapsed()

    def _creator(self) -> Callable[[], str] | None:
        if not self._settings.create_database:
            return None
        from migration_runner.database.creation import DatabaseCreator  # noqa: PLC0415 - rarely needed

        return DatabaseCreator(self._settings, self._report.run_id)

    def _run_watched(self, session: WorkSession, heads: CommandHeads) -> int:
        """Run the command, and report the heads before and after, however it ends."""
        heads.look()
        # What it does is not known until they are read again.
        self._report.forget_ends()
        try:
            code = self._run(session)
        except (Interrupted, MigrationError):
            signals.acknowledge()
            heads.compare()
            raise
        heads.compare()
        return code

    def _run(self, session: WorkSession) -> int:
        name = self._command[0]
        running = Stopwatch(self._clock)
        logs.get_logger().info(events.COMMAND_STARTED, command=name)

        def check() -> None:
            # Something on the way may end a connection on which nothing is said.
            try:
                session.ask()
            except sqlalchemy.exc.DBAPIError as error:
                message = (
                    "The session with the run lock was lost, so the command was terminated: another"
                    " run may start. Run it again."
                )
                raise TemporaryFailure(message, reason=SESSION_LOST) from error

        socket = driver_connection(session.connection).fileno()
        seconds = min(self._settings.heartbeat, _LONGEST_SILENCE)
        end = Child(self._command, socket).wait(socket, check, seconds)
        logs.get_logger().info(
            events.COMMAND_ENDED,
            command=name,
            command_exit_code=end.exit_code,
            duration_seconds=round(running.elapsed(), 3),
        )
        if end.ended or end.left:
            logs.get_logger().warning(
                events.PROCESSES_LEFT, command=name, ended=end.ended, running=end.left
            )
        return end.exit_code
