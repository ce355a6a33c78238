"""The settings of a run: read once, checked as a whole, never changed.

Environment variables first, as containers are configured; a flag of the command line wins over
its variable. An empty variable counts as not set, as in docker-compose and Kubernetes templates.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migration_runner.database_address import OVERRIDES, load_database_address
from migration_runner.database_url import DatabaseAddress
from migration_runner.errors import ConfigError
from migration_runner.variables import PREFIX, VARIABLES, Variable


@dataclass(frozen=True)
class Settings:
    """What is in force for one run. Times are in seconds."""

    database: DatabaseAddress
    alembic_config: Path
    target: str
    wait_timeout: float
    connect_timeout: float
    wait_for_database: bool
    pooler: str
    run_lock_timeout: float
    run_lock_key: int | None
    ddl_lock_timeout: float
    ddl_retry_timeout: float
    concurrent_lock_timeout: float
    statement_timeout: float
    repair_invalid_indexes: bool
    role: str
    on_ahead: str
    ledger: str
    checksum: str
    heartbeat: float
    log_format: str
    log_level: str
    termination_log: Path
    build: str


@dataclass(frozen=True)
class Origin:
    """One setting as somebody wrote it, and where: a flag, a variable, or the default."""

    name: str
    text: str
    origin: str


def trace_setting(
    variable: Variable, environment: Mapping[str, str], flags: Mapping[str, str]
) -> Origin:
    """Return a setting's text and where it comes from."""
    if variable.field in flags:
        return Origin(variable.name, flags[variable.field], variable.flag)
    if text := environment.get(variable.name):
        return Origin(variable.name, text, variable.name)
    return Origin(variable.name, variable.default, "default")


def trace_alembic_config(environment: Mapping[str, str], flags: Mapping[str, str]) -> Origin:
    """Return the path of the `alembic.ini` and where it comes from."""
    name = "ALEMBIC_CONFIG"
    if text := flags.get("alembic_config"):
        return Origin(name, text, "--config")
    if text := environment.get(name):
        return Origin(name, text, name)
    return Origin(name, "alembic.ini", "default")


def load_settings(
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    *,
    needs_database: bool = True,
    needs_project: bool = True,
) -> Settings:
    """Read the settings from `environment` (the process's own by default) and `flags`.

    `flags` is keyed by `Variable.field` and `alembic_config`. Where a command `needs_database`,
    one must be named; where it `needs_project`, the Alembic configuration must be there.
    Raises `ConfigError` that lists every problem there is, and shows no secret.
    """
    environment = os.environ if environment is None else environment
    flags = {} if flags is None else flags
    problems = _unknown_variables(environment)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        traced = trace_setting(variable, environment, flags)
        try:
            values[variable.field] = variable.parse(traced.text)
        except ValueError as error:
            name = traced.name if traced.origin == "default" else traced.origin
            problems.append(f"{name} {error} (it is {traced.text!r})")
    for name in ("connect_timeout", "heartbeat"):
        if values.get(name) == 0:
            problems.append(f"{PREFIX}{name.upper()} must be more than 0")
    path = Path(trace_alembic_config(environment, flags).text)
    values["alembic_config"] = path
    if needs_project:
        problems += _missing_file(path)
    values["database"] = DatabaseAddress()
    if needs_database:
        try:
            values["database"] = load_database_address(environment)
        except ConfigError as error:
            problems.append(error.message)
    if problems:
        raise ConfigError(
            "The settings are wrong: " + "; ".join(problems) + ".",
            problems=problems,
        )
    return Settings(**values)


def _missing_file(path: Path) -> list[str]:
    """Return what is wrong with the path of the Alembic configuration, if something is."""
    reason = f"is not there (looked in {Path.cwd()})"
    try:
        if path.is_file():
            return []
    except OSError as error:
        # A folder that may not be entered, for one.
        reason = f"cannot be read: {error.strerror}"
    return [f"the Alembic configuration {str(path)!r} {reason}; name it with ALEMBIC_CONFIG or -c"]


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = [variable.name.removeprefix(PREFIX) for variable in VARIABLES]
    known += [name.removeprefix(PREFIX) for name in OVERRIDES]
    problems = []
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if variable != name and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = "there is no setting like it"
            if nearest:
                hint = f"did you mean {PREFIX}{nearest[0]}?"
            problems.append(f"{variable} is unknown: {hint}")
    return problems
