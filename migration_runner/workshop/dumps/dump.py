"""A database's schema, as pg_dump writes it."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping
from typing import Final

from migration_runner.errors import ConfigError, MigrationError
from migration_runner.workshop.programs import Programs

_OPTIONS: Final = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-password",
    "--encoding=UTF8",
)
# Without one of our own, it is random, and in the dump. It came with the minor releases of 2025-08.
_RESTRICT: Final = "--restrict-key"


def dump_schema(programs: Programs, parameters: Mapping[str, str]) -> str:
    """Return the schema of a database, whose libpq parameters these are.

    Raises `ConfigError` where pg_dump cannot be run, and `MigrationError` with what it said.
    """
    path = programs.path("pg_dump")
    restrict = (f"{_RESTRICT}=migrate",) if _knows_restrict(path) else ()
    command = [path, *_OPTIONS, *restrict, f"--dbname={_conninfo(parameters)}"]
    # A password is not for the command line, which other users can read.
    secret = {"PGPASSWORD": parameters["password"]} if "password" in parameters else {}
    done = _run(command, {**_environment(), **secret})
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        message = (
            f"The schema of the database {parameters.get('dbname', '')} could not be dumped:\n"
            f"{said}\nNothing was changed."
        )
        raise MigrationError(message, reason="dump_failed")
    return done.stdout


@functools.cache
def _knows_restrict(path: str) -> bool:
    return _RESTRICT in _run([path, "--help"], _environment()).stdout


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the server's own
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            encoding="utf-8",
            errors="surrogateescape",
            env=environment,
        )
    except OSError as error:
        message = f"{command[0]} could not be run: {error.strerror}. Nothing was changed."
        raise ConfigError(message, reason="no_pg_dump") from error


def _conninfo(parameters: Mapping[str, str]) -> str:
    """Return libpq's connection string, without the password."""
    quoted = {
        name: str(value).replace("\\", "\\\\").replace("'", "\\'")
        for name, value in parameters.items()
        if name != "password"
    }
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


def _environment() -> dict[str, str]:
    """Return the environment without what would change a dump: libpq's variables, the language."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    return {**kept, "LC_ALL": "C"}
