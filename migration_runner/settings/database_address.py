"""Where the database is, as the environment names it: a URL, a file with one, or libpq's words."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError
from migration_runner.settings.database_url import DatabaseAddress, parse_database_url

# The first pair wins: the runner's own way to a server that applications reach through a pooler.
OVERRIDE: Final = "MIGRATE_DATABASE_URL"
_URLS: Final = (OVERRIDE, "DATABASE_URL")
OVERRIDES: Final = (OVERRIDE, f"{OVERRIDE}_FILE")
# Any of these is a deliberate word on where the database is; the rest of libpq's are details.
HOW_TO_NAME: Final = "set DATABASE_URL, DATABASE_URL_FILE, or libpq's PGHOST"
_LIBPQ_PLACES: Final = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
_OTHER_DATABASE: Final = re.compile(
    r"(?:sqlite|mysql|mariadb|mssql|oracle|cockroachdb|duckdb|redshift|snowflake|clickhouse\w*)"
    r"(?:\+\w+)?:"
)
LIBPQ_SECRETS: Final = ("PGPASSWORD", "PGSSLPASSWORD")


def load_database_address(
    environment: Mapping[str, str] | None = None,
) -> DatabaseAddress | None:
    """Read where the database is from `environment` (the process's own by default).

    `MIGRATE_DATABASE_URL`, else `DATABASE_URL`, each as it is or as the file that the variable
    with `_FILE` names, else libpq's own variables. None where nothing says it.
    Raises `ConfigError`, with no secret in it.
    """
    environment = os.environ if environment is None else environment
    elsewhere = tuple(value for name in LIBPQ_SECRETS if (value := environment.get(name)))
    if named := _named_url(environment):
        origin, url = named
        if _OTHER_DATABASE.match(url):
            # env.py's, which is asked where it connects.
            return None
        try:
            address = parse_database_url(url)
        except ValueError as error:
            message = f"{origin} {error}"
            raise ConfigError(message) from None
        return dataclasses.replace(address, secrets=address.secrets + elsewhere, origin=origin)
    for name in _LIBPQ_PLACES:
        if environment.get(name):
            return DatabaseAddress(secrets=elsewhere, origin=name)
    return None


def export_override(environment: MutableMapping[str, str]) -> None:
    """Let an env.py, or a child, that reads `DATABASE_URL` by itself follow the override, too."""
    if any(environment.get(name) for name in OVERRIDES) and (named := _named_url(environment)):
        environment["DATABASE_URL"] = named[1]
        environment.pop("DATABASE_URL_FILE", None)


def _named_url(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return which variable has the URL, and the URL."""
    for name in _URLS:
        url, file = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "")
        if url and file:
            message = f"{name} and {name}_FILE are both set: keep one"
            raise ConfigError(message)
        if url:
            return name, url
        if "://" in file:
            message = f"{name}_FILE is a URL, not the path of a file that has one: set {name}"
            raise ConfigError(message)
        if file:
            origin = f"{name}_FILE ({file})"
            return origin, _read(origin, Path(file))
    return None


def _read(origin: str, file: Path) -> str:
    try:
        url = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"{origin} cannot be read: {reason}"
        raise ConfigError(message) from None
    if not url:
        message = f"{origin} is empty"
        raise ConfigError(message)
    return url
