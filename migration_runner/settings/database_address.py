"""The database's address in the environment: a URL, a file with a URL, or libpq's variables."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from migration_runner.errors import ConfigError
from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import (
    SECRET_PARAMETERS,
    DatabaseAddress,
    parse_database_url,
)

# The first takes precedence: the runner's own route to a server that applications reach through
# a pooler.
OVERRIDE: Final = "MIGRATE_DATABASE_URL"
_URLS: Final = (OVERRIDE, "DATABASE_URL")
OVERRIDES: Final = (OVERRIDE, f"{OVERRIDE}_FILE")
HOW_TO_NAME: Final = "set DATABASE_URL, DATABASE_URL_FILE, or libpq's PGDATABASE"
# Either names a database; libpq's other variables are details. Where they are left over from
# something else, libpq's default (the user's name) would be another database than env.py's.
_LIBPQ_DATABASES: Final = ("PGSERVICE", "PGDATABASE")
_LIBPQ_SERVERS: Final = ("PGHOST", "PGHOSTADDR")
_OTHER_DATABASE: Final = re.compile(
    r"(?:sqlite|mysql|mariadb|mssql|oracle|cockroachdb|duckdb|redshift|snowflake|clickhouse\w*)"
    r"(?:\+\w+)?:"
)
LIBPQ_SECRETS: Final = ("PGPASSWORD", "PGSSLPASSWORD")


def load_database_address(
    environment: Mapping[str, str] | None = None,
) -> DatabaseAddress | None:
    """Read the database's address from `environment` (the process's own by default).

    From `MIGRATE_DATABASE_URL`, else `DATABASE_URL` (or the file named by the same variable with
    `_FILE`), else libpq's variables. None if none of them is set.
    Raises `ConfigError`, without secrets.
    """
    environment = os.environ if environment is None else environment
    elsewhere = tuple(value for name in LIBPQ_SECRETS if (value := environment.get(name)))
    if named := _named_url(environment):
        origin, url = named
        if _OTHER_DATABASE.match(url):
            # Not Postgres: env.py connects.
            return None
        try:
            address = parse_database_url(url)
        except ValueError as error:
            message = f"{origin} {error}"
            raise ConfigError(message) from None
        file = "" if environment.get(origin) else origin.partition(" (")[2].removesuffix(")")
        secrets = address.secrets + elsewhere
        return dataclasses.replace(address, secrets=secrets, origin=origin, file=file)
    for name in _LIBPQ_DATABASES:
        if environment.get(name):
            return DatabaseAddress(secrets=elsewhere, origin=name)
    return None


def read_again(address: DatabaseAddress) -> DatabaseAddress:
    """Return the address as it is now: a file with the URL can have been replaced.

    While it is being replaced, and where it is a pipe, which can be read only once, the old one.
    """
    if not address.file or not Path(address.file).is_file():
        return address
    try:
        current = load_database_address()
    except ConfigError:
        return address
    if current is None or current.file != address.file:
        return address
    hide_secrets(current.secrets, current.public)
    return dataclasses.replace(current, search_path=address.search_path)


def with_current_secrets(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return libpq's parameters of an earlier session, with the secrets as they are now."""
    try:
        address = load_database_address()
    except ConfigError:
        address = None
    if address is None or not address.file or not Path(address.file).is_file():
        return dict(parameters)
    now = address.parameters
    hosts = now.get("host", "").split(",")
    if now.get("user") != parameters.get("user") or parameters.get("host", "") not in hosts:
        return dict(parameters)
    hide_secrets(address.secrets, address.public)
    return {**parameters, **{name: now[name] for name in SECRET_PARAMETERS if name in now}}


def explain_missing(environment: Mapping[str, str] | None = None) -> str:
    """Return why `load_database_address` returns None, and what to do."""
    environment = os.environ if environment is None else environment
    named = _named_url(environment)
    if named:
        return f"{named[0]} names another kind of database than Postgres"
    for name in _LIBPQ_SERVERS:
        if environment.get(name):
            return f"{name} names a server, but no database: set PGDATABASE, too"
    return f"no database is configured: {HOW_TO_NAME}"


def export_override(environment: MutableMapping[str, str]) -> None:
    """Apply the override also to an env.py or a child process that reads `DATABASE_URL` itself."""
    if any(environment.get(name) for name in OVERRIDES) and (named := _named_url(environment)):
        environment["DATABASE_URL"] = named[1]
        environment.pop("DATABASE_URL_FILE", None)


def _named_url(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name of the variable that has the URL, and the URL."""
    for name in _URLS:
        url, file = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "")
        if url and file:
            message = f"{name} and {name}_FILE are both set: unset one"
            raise ConfigError(message)
        if url:
            return name, url
        if "://" in file:
            message = f"{name}_FILE is a URL, not the path of a file: set {name} instead"
            raise ConfigError(message)
        if file:
            origin = f"{name}_FILE ({file})"
            return origin, _read(origin, Path(file))
    return None


def _read(origin: str, file: Path) -> str:
    try:
        url = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
        message = f"{origin} cannot be read: {reason}"
        raise ConfigError(message) from None
    if not url:
        message = f"{origin} is empty"
        raise ConfigError(message)
    return url
