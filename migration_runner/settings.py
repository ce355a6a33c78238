"""The settings of a run: read once, checked as a whole, never changed.

Environment variables first, as containers are configured; a flag of the command line wins over
its variable. An empty variable counts as not set, as in docker-compose and Kubernetes templates.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migration_runner.database_url import DatabaseAddress, parse_database_url
from migration_runner.durations import parse_duration
from migration_runner.errors import ConfigError

PREFIX: Final = "MIGRATE_"
# Any of these is a deliberate word on where the database is; the rest of libpq's are details.
_LIBPQ_PLACES: Final = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
_LIBPQ_SECRETS: Final = ("PGPASSWORD", "PGSSLPASSWORD")


@dataclass(frozen=True)
class Variable:
    """One setting: its environment variable, how it is read, and its default, as text."""

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str

    @property
    def field(self) -> str:
        """The setting's attribute in `Settings`: `MIGRATE_WAIT_TIMEOUT` is `wait_timeout`."""
        return self.name.removeprefix(PREFIX).lower()

    @property
    def flag(self) -> str:
        """The setting's flag: `MIGRATE_WAIT_TIMEOUT` is `--wait-timeout`."""
        return "--" + self.field.replace("_", "-")


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        message = f"must be one of {', '.join(choices)}"
        raise ValueError(message)

    return parse


def _parse_switch(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    message = "must be true or false"
    raise ValueError(message)


def _parse_lock_key(text: str) -> int | None:
    """Read a signed 64-bit integer, as `pg_try_advisory_lock(bigint)` takes; empty: derived."""
    if not text:
        return None
    try:
        key = int(text)
    except ValueError:
        message = "must be a whole number"
        raise ValueError(message) from None
    if not -(2**63) <= key < 2**63:
        message = "must fit in a signed 64-bit integer"
        raise ValueError(message)
    return key


VARIABLES: Final = (
    Variable("MIGRATE_TARGET", str, "head", "what to upgrade to, as `alembic upgrade` takes it"),
    Variable("MIGRATE_WAIT_TIMEOUT", parse_duration, "60s", "how long to wait for the database"),
    Variable("MIGRATE_CONNECT_TIMEOUT", parse_duration, "5s", "how long one attempt may take"),
    Variable(
        "MIGRATE_WAIT_FOR_DATABASE", _parse_switch, "false", "wait for a missing database, too"
    ),
    Variable("MIGRATE_RUN_LOCK_TIMEOUT", parse_duration, "10m", "how long to wait for other runs"),
    Variable("MIGRATE_RUN_LOCK_KEY", _parse_lock_key, "", "the advisory lock's key (derived)"),
    Variable("MIGRATE_DDL_LOCK_TIMEOUT", parse_duration, "5s", "lock_timeout inside a revision"),
    Variable("MIGRATE_STATEMENT_TIMEOUT", parse_duration, "0", "statement_timeout (0: none)"),
    Variable("MIGRATE_ROLE", str, "", "SET ROLE to this before migrating"),
    Variable("MIGRATE_LOG_FORMAT", _one_of("auto", "json", "console"), "auto", "how to log"),
    Variable(
        "MIGRATE_LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "info", "how much to log"
    ),
    Variable("MIGRATE_TERMINATION_LOG", Path, "/dev/termination-log", "the termination message"),
    Variable("MIGRATE_BUILD", str, "", "the build that the report names"),
)


@dataclass(frozen=True)
class Settings:
    """What is in force for one run. Times are in seconds."""

    database: DatabaseAddress
    alembic_config: Path
    target: str
    wait_timeout: float
    connect_timeout: float
    wait_for_database: bool
    run_lock_timeout: float
    run_lock_key: int | None
    ddl_lock_timeout: float
    statement_timeout: float
    role: str
    log_format: str
    log_level: str
    termination_log: Path
    build: str


def load_settings(
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    *,
    needs_database: bool = True,
) -> Settings:
    """Read the settings from `environment` (the process's own by default) and `flags`.

    `flags` is keyed by `Variable.field` and `alembic_config`. Where a command `needs_database`,
    one must be named.
    Raises `ConfigError` that lists every problem there is, and shows no secret.
    """
    environment = os.environ if environment is None else environment
    flags = {} if flags is None else flags
    problems = _unknown_variables(environment)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        origin, text = variable.name, environment.get(variable.name) or variable.default
        if variable.field in flags:
            origin, text = variable.flag, flags[variable.field]
        try:
            values[variable.field] = variable.parse(text)
        except ValueError as error:
            problems.append(f"{origin} {error} (it is {text!r})")
    if values.get("connect_timeout") == 0:
        problems.append("MIGRATE_CONNECT_TIMEOUT must be more than 0")
    path = Path(flags.get("alembic_config") or environment.get("ALEMBIC_CONFIG") or "alembic.ini")
    values["alembic_config"] = path
    if not path.is_file():
        problems.append(
            f"the Alembic configuration {str(path)!r} is not there (looked in {Path.cwd()});"
            " name it with ALEMBIC_CONFIG or -c"
        )
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


def load_database_address(environment: Mapping[str, str] | None = None) -> DatabaseAddress:
    """Read where the database is from `environment` (the process's own by default).

    `DATABASE_URL`, or the file that `DATABASE_URL_FILE` names, or libpq's own variables.
    Raises `ConfigError`, with no secret in it.
    """
    environment = os.environ if environment is None else environment
    url = environment.get("DATABASE_URL", "").strip()
    file = environment.get("DATABASE_URL_FILE", "")
    origin = "DATABASE_URL"
    if url and file:
        message = "DATABASE_URL and DATABASE_URL_FILE are both set: keep one"
        raise ConfigError(message)
    if file:
        origin = f"DATABASE_URL_FILE ({file})"
        try:
            url = Path(file).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"{origin} cannot be read: {reason}"
            raise ConfigError(message) from None
        if not url:
            message = f"{origin} is empty"
            raise ConfigError(message)
    elsewhere = tuple(value for name in _LIBPQ_SECRETS if (value := environment.get(name)))
    if url:
        try:
            address = parse_database_url(url)
        except ValueError as error:
            message = f"{origin} {error}"
            raise ConfigError(message) from None
        return DatabaseAddress(address.parameters, address.secrets + elsewhere)
    if any(environment.get(name) for name in _LIBPQ_PLACES):
        return DatabaseAddress(secrets=elsewhere)
    message = "no database is named: set DATABASE_URL, DATABASE_URL_FILE, or libpq's PGHOST"
    raise ConfigError(message)


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = [variable.name.removeprefix(PREFIX) for variable in VARIABLES]
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
