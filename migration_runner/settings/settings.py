"""The settings of a run: read once, checked together, never changed.

They come from environment variables, as is usual for containers; a command-line flag overrides
its variable. An empty variable counts as unset, as in docker-compose and Kubernetes templates.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migration_runner.errors import ConfigError, UsageError
from migration_runner.fast_path.service_links import service_links
from migration_runner.settings.database_address import (
    OVERRIDES,
    explain_missing,
    load_database_address,
)
from migration_runner.settings.database_url import DatabaseAddress
from migration_runner.settings.variables import PREFIX, VARIABLES, Variable

# The flags that were given: by `Variable.field`, and Alembic's by the names in `AlembicOptions`.
Flags = Mapping[str, Any]
DEFAULT_SECTION: Final = "alembic"
_DEFAULT_FILES: Final = ("alembic.ini", "pyproject.toml", "migrations/alembic.ini")
# Whether a flag (`-c`, `-n`) names a file.
_CHOOSES: Final = {"files": True, "section": False}
_CONFIG_SUFFIXES: Final = (".ini", ".cfg", ".toml")


@dataclass(frozen=True)
class AlembicOptions:
    """Alembic's global options: `-c`, `-n`, `-x` and `--raiseerr`."""

    files: tuple[str, ...] = ("alembic.ini",)
    section: str = DEFAULT_SECTION
    x: tuple[str, ...] = ()
    raise_errors: bool = False

    def words(self) -> list[str]:
        """Return them as on the command line."""
        words = [word for file in self.files for word in ("-c", file)]
        words += ["-n", self.section]
        words += [word for each in self.x for word in ("-x", each)]
        return [*words, "--raiseerr"] if self.raise_errors else words


@dataclass(frozen=True)
class Settings:
    """The settings in force for one run. Times are in seconds.

    `database` is None if no setting names one: then env.py has to.
    """

    database: DatabaseAddress | None
    alembic: AlembicOptions
    target: str
    histories: tuple[str, ...]
    wait_timeout: float
    connect_timeout: float
    wait_for_database: bool
    create_database: bool
    create_database_owner: str
    create_database_encoding: str
    create_database_template: str
    pooler: str
    run_lock: str
    run_lock_timeout: float
    run_lock_key: int | None
    ddl_lock_timeout: float
    ddl_retry_timeout: float
    concurrent_lock_timeout: float
    transactions: str
    statement_timeout: float
    repair_invalid_indexes: bool
    role: str
    search_path: str
    on_ahead: str
    on_other_database: str
    on_tenant_failure: str
    ledger: str
    checksum: str
    heartbeat: float
    log_format: str
    log_level: str
    termination_log: Path
    shadow: str
    postgres: str
    cache: str
    build: str

    def each_history(self) -> list[tuple[str, Settings]]:
        """Return the name and settings of each of `histories`; without any, "" and these."""
        if not self.histories:
            return [("", self)]
        return [(name, self._of_history(name)) for name in self.histories]

    def require_one_history(self) -> None:
        """Raise `UsageError` for a command that works on one history, if these name several."""
        if self.histories:
            message = (
                "MIGRATE_HISTORIES names several histories, but this command works on one: choose"
                " it with -n (a section) or -c (a file)."
            )
            raise UsageError(message)

    def _of_history(self, name: str) -> Settings:
        if _names_file(name):
            alembic = dataclasses.replace(self.alembic, files=(name,))
        else:
            alembic = dataclasses.replace(self.alembic, section=name)
        return dataclasses.replace(self, alembic=alembic, histories=())


def _names_file(history: str) -> bool:
    """Whether a history is named by its configuration file, and not by its section."""
    return os.sep in history or history.endswith(_CONFIG_SUFFIXES)


@dataclass(frozen=True)
class Origin:
    """One setting as it was written, and where: a flag, a variable, or the default."""

    name: str
    text: str
    origin: str


def trace_setting(variable: Variable, environment: Mapping[str, str], flags: Flags) -> Origin:
    """Return a setting's text and origin."""
    if variable.field in flags:
        return Origin(variable.name, flags[variable.field], variable.flag)
    if text := environment.get(variable.name):
        return Origin(variable.name, text, variable.name)
    return Origin(variable.name, variable.default, "default")


def trace_alembic_config(environment: Mapping[str, str], flags: Flags) -> Origin:
    """Return the path and origin of the Alembic configuration.

    The default is Alembic's: `alembic.ini`, or a `pyproject.toml` with Alembic's section; without
    either, Flask-Migrate's `migrations/alembic.ini`.
    """
    name = "ALEMBIC_CONFIG"
    if files := flags.get("files"):
        return Origin(name, os.pathsep.join(files), "--config")
    if text := environment.get(name):
        return Origin(name, text, name)
    return Origin(name, configured_file() or _DEFAULT_FILES[0], "default")


def configured_file(folder: Path = Path()) -> str | None:
    """Return the Alembic configuration of a folder, if it has one."""
    there = (file for file in _DEFAULT_FILES if _configures_alembic(folder / file))
    return next(there, None)


def _configures_alembic(file: Path) -> bool:
    if file.suffix != ".toml":
        return file.exists()
    return file.is_file() and "[tool.alembic" in file.read_text(errors="replace")


def load_settings(
    environment: Mapping[str, str] | None = None,
    flags: Flags | None = None,
    *,
    needs_database: bool = False,
    needs_project: bool = True,
) -> Settings:
    """Read the settings from `environment` (the process's own by default) and `flags`.

    With `needs_database`, a setting must name one; with `needs_project`, the Alembic configuration
    must exist. Raises `ConfigError`, which lists every problem and shows no secret.
    """
    environment = os.environ if environment is None else environment
    flags = {} if flags is None else flags
    values, problems = _parse_variables(environment, flags)
    problems = _unknown_variables(environment) + problems
    values["alembic"] = _alembic_options(environment, flags)
    # A flag chooses one history of its kind.
    chosen = {names_file for flag, names_file in _CHOOSES.items() if flag in flags}
    values["histories"] = tuple(
        name for name in values.get("histories", ()) if _names_file(name) not in chosen
    )
    values["database"] = None
    try:
        database = load_database_address(environment)
        if database is not None:
            search_path = values.get("search_path", "")
            values["database"] = dataclasses.replace(database, search_path=search_path)
        elif needs_database:
            problems.append(explain_missing(environment))
    except ConfigError as error:
        problems.append(error.message)
    settings = None if problems else Settings(**values)
    if needs_project:
        way, named = "ALEMBIC_CONFIG or -c", [values["alembic"]]
        if settings is not None and settings.histories:
            way, named = "MIGRATE_HISTORIES", [each.alembic for _, each in settings.each_history()]
        for options in named:
            problems += _missing_files(options, way)
    if problems:
        raise ConfigError(
            "Invalid settings: " + "; ".join(problems) + ".",
            problems=problems,
        )
    assert settings is not None  # noqa: S101 - there is no problem
    return settings


def _parse_variables(
    environment: Mapping[str, str], flags: Flags
) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values, and the problems with the others."""
    problems = []
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        traced = trace_setting(variable, environment, flags)
        try:
            values[variable.field] = variable.parse(traced.text)
        except ValueError as error:
            name = traced.name if traced.origin == "default" else traced.origin
            problems.append(f"{name} {error} (it is {traced.text!r})")
    return values, problems


def _alembic_options(environment: Mapping[str, str], flags: Flags) -> AlembicOptions:
    return AlembicOptions(
        tuple(flags.get("files") or (trace_alembic_config(environment, flags).text,)),
        flags.get("section") or DEFAULT_SECTION,
        tuple(flags.get("x") or ()),
        bool(flags.get("raise_errors")),
    )


def _missing_files(options: AlembicOptions, way: str) -> list[str]:
    """Return the problems with an Alembic configuration's files; `way` is how to name others."""
    problems = []
    for file in options.files:
        reason = f"does not exist (looked in {Path.cwd()})"
        try:
            if Path(file).is_file():
                if os.access(file, os.R_OK):
                    continue
                # ConfigParser would take it for empty.
                reason = f"cannot be read by uid {os.getuid()}: make it readable (chmod a+r)"
        except OSError as error:
            # Such as a folder without execute permission.
            reason = f"cannot be read: {error.strerror}"
        problems.append(f"the Alembic configuration {file!r} {reason}; set it with {way}")
    return problems


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = [variable.name.removeprefix(PREFIX) for variable in VARIABLES]
    known += [name.removeprefix(PREFIX) for name in OVERRIDES]
    problems = []
    for variable in sorted(environment.keys() - {*service_links(dict(environment))}):
        name = variable.removeprefix(PREFIX)
        if variable != name and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {PREFIX}{nearest[0]}?)" if nearest else ""
            problems.append(f"{variable} is not a setting{hint}")
    return problems
