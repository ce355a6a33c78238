"""Where the targets come from: a file, a query on a control database, or a command's output.

All of them can have passwords: what is said about a problem has none.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from migration_runner import signals
from migration_runner.clock import SystemClock
from migration_runner.database.engine import application_name
from migration_runner.database.probe import WaitLimits, connect_when_ready, connection_parameters
from migration_runner.errors import ConfigError, UsageError
from migration_runner.fleet.targets import Target, make_targets, parse_targets
from migration_runner.log.bounds import shorten
from migration_runner.settings.database_address import explain_missing
from migration_runner.settings.settings import Settings

_STANDARD_INPUT: Final = "-"
_LONGEST_REASON: Final = 400


@dataclass(frozen=True)
class Source:
    """How the targets are named: one of the three."""

    file: str = ""
    query: str = ""
    command: str = ""

    def flag(self) -> list[str]:
        """Return the words of the command line that name it."""
        flags = ("--targets", "--targets-sql", "--targets-command")
        named = zip(flags, (self.file, self.query, self.command), strict=True)
        return [word for flag, value in named if value for word in (flag, value)]


def load_targets(source: Source, settings: Settings, run_id: str) -> list[Target]:
    """Return all targets. Raises `UsageError`, `ConfigError`, or what connecting raises."""
    if len(source.flag()) != len(("flag", "value")):
        message = (
            "Name the targets by one of --targets FILE, --targets-sql QUERY and"
            " --targets-command COMMAND."
        )
        raise UsageError(message)
    if source.file:
        targets = parse_targets(_read_file(source.file), _name_file(source.file))
    elif source.query:
        targets = _query(source.query, settings, run_id)
    else:
        targets = parse_targets(_run_command(source.command), "--targets-command")
    if not targets:
        # An empty answer is more likely a mistake than a fleet without databases.
        message = f"{source.flag()[0]} names no target."
        raise ConfigError(message, reason="no_targets")
    if settings.database is None and any(target.address is None for target in targets):
        message = f"There are targets without a URL, and {explain_missing()}."
        raise ConfigError(message, reason="no_database")
    return targets


def _name_file(file: str) -> str:
    return "standard input" if file == _STANDARD_INPUT else file


def _read_file(file: str) -> str:
    try:
        if file == _STANDARD_INPUT:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid UTF-8"
        message = f"The targets in {_name_file(file)} cannot be read: {reason}."
        raise ConfigError(message, reason="invalid_targets") from None


def _query(query: str, settings: Settings, run_id: str) -> list[Target]:
    """Return a target for each row of the control database, which the settings name.

    The columns have the names of the fields, and any order.
    """
    if settings.database is None:
        message = f"--targets-sql is run in a control database, and {explain_missing()}."
        raise ConfigError(message, reason="no_database")
    parameters = connection_parameters(settings.database, application_name(run_id), writes=False)
    limits = WaitLimits(settings.wait_timeout, settings.connect_timeout)
    try:
        connected = connect_when_ready(parameters, limits, SystemClock())
        with connected as connection, connection.transaction():
            # Of the transaction alone: a pooler gives the session to others.
            connection.execute("SET TRANSACTION READ ONLY")
            cursor = connection.cursor(row_factory=dict_row).execute(query.encode())
            # Without columns, it was no query.
            rows = cursor.fetchall() if cursor.description else None
    except psycopg.Error as error:
        reason = shorten(" ".join(str(error).split()), _LONGEST_REASON)
        message = f"--targets-sql failed in the control database: {reason}."
        raise ConfigError(message, reason="invalid_targets", sqlstate=error.sqlstate) from None
    if rows is None:
        message = "--targets-sql returns no rows: it has to be a query, such as SELECT."
        raise ConfigError(message, reason="invalid_targets")
    numbered = [(f"row {number}", _as_texts(row)) for number, row in enumerate(rows, 1)]
    return make_targets(numbered, "--targets-sql")


def _as_texts(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with numbers and the like as text: a tenant's name is often its id."""
    kept = (str, list, dict, type(None))
    return {name: each if isinstance(each, kept) else str(each) for name, each in row.items()}


def _run_command(command: str) -> str:
    """Return a command's output. It is not run by a shell, which an image may not have."""
    try:
        words: Sequence[str] = shlex.split(command)
    except ValueError as error:
        message = f"--targets-command cannot be read as a command: {error}."
        raise UsageError(message) from None
    if not words:
        message = "--targets-command is empty."
        raise UsageError(message)
    try:
        code, output, errors = _output_of(words)
    except OSError as error:
        message = f"--targets-command cannot be started: {words[0]}: {error.strerror}."
        raise ConfigError(message, reason="targets_command_failed") from None
    if code:
        said = shorten(" ".join(errors.decode(errors="replace").split()), _LONGEST_REASON)
        ended = f"was terminated by signal {-code}" if code < 0 else f"exited with code {code}"
        message = f"--targets-command {ended}: {said or 'it said nothing'}."
        raise ConfigError(message, reason="targets_command_failed", command_exit_code=code)
    try:
        return output.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "The output of --targets-command is not valid UTF-8."
        raise ConfigError(message, reason="invalid_targets") from None


def _output_of(words: Sequence[str]) -> tuple[int, bytes, bytes]:
    """Run a command to its end; if this process is to end first, end all that it has started."""
    # It is either started, and ended, or not started at all.
    with signals.deferred():
        started = subprocess.Popen(  # noqa: S603 - the user's own command
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    with started as process:
        try:
            signals.check()
            output, errors = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    return process.returncode, output, errors
