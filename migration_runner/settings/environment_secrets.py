"""Secrets in the environment, also those that are not the runner's: hidden wherever they appear.

A variable's name shows that it has one, or the name of a file with one, as Docker and Kubernetes
mount them. libpq's own files have passwords, too. All of them may change while a run waits.
"""

from __future__ import annotations

import configparser
import contextlib
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import SECRET_PARAMETERS

_HINTS: Final = (
    r"(?:PASS(?:WORD|WD|PHRASE|CODE)?|PWD|PW|SECRETS?|TOKEN|CREDENTIALS?|API_?KEY|KEY|AUTH)"
)
_SECRET_NAME: Final = re.compile(
    rf"(?i)(?:.*_)?{_HINTS}(?:_\d+)?|.*(?:PASS(?:WORD|WD)?|SECRET|TOKEN)"
)
_NO_SECRET: Final = frozenset(("PWD", "OLDPWD", "MIGRATE_RUN_LOCK_KEY", "PGSSLKEY"))
_FILE: Final = "_FILE"
_URL: Final = re.compile(r"://([^\s/:@]*)(?::([^\s@]+))?@([^\s/?#@]*)(?:/([^\s?#]*))?")
# A shorter value, or one of these words, says little, and would blank out ordinary text.
_SHORTEST: Final = 6
# A longer one is no part of a word.
_LONG: Final = 12
_ORDINARY: Final = frozenset(
    (
        *("postgres", "postgresql", "password", "secret", "changeme", "public", "migrate"),
        *("alembic", "enabled", "disabled", "required", "optional"),
    )
)
_PUBLIC: Final = (
    *("PGHOST", "PGUSER", "PGDATABASE", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_HOST", "DB_USER"),
    *("DB_NAME", "DB_HOST", "HOSTNAME", "USER", "LOGNAME", "MIGRATE_ROLE", "MIGRATE_TARGET"),
)
_LONGEST_FILE: Final = 65_536


def hide_environment_secrets(environment: Mapping[str, str], public: tuple[str, ...] = ()) -> None:
    """Hide the secrets in variables and in the files that they name.

    A short one is hidden only as a whole word. What is part of a `public` word (a host's, user's or
    database's name) is not hidden.
    """
    known = tuple(environment[name] for name in _PUBLIC if environment.get(name))
    known += tuple(_public_in_urls(environment))
    found = {
        secret
        for secret in (*_in_variables(environment), *_in_libpq_files(environment))
        if len(secret) >= _SHORTEST and secret.lower() not in _ORDINARY
    }
    for whole in (True, False):
        some = sorted(each for each in found if (len(each) < _LONG) is whole)
        hide_secrets(tuple(some), (*known, *public), whole=whole)


def _in_variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name not in _NO_SECRET and _SECRET_NAME.fullmatch(name.removesuffix(_FILE)):
            secret = (_read(value) if name.endswith(_FILE) else value).strip()
            if not (secret.startswith("/") and Path(secret).exists()):
                yield secret
        for url in _urls(name, value):
            yield unquote(url[2] or "")


def _public_in_urls(environment: Mapping[str, str]) -> Iterator[str]:
    """Return the names of users, hosts and databases."""
    for name, value in environment.items():
        for url in _urls(name, value):
            yield from (unquote(url[group] or "") for group in (1, 3, 4))


def _urls(name: str, value: str) -> Iterator[re.Match[str]]:
    text = _read(value) if name.endswith(f"URL{_FILE}") else value
    return _URL.finditer(text) if "://" in text else iter(())


def _in_libpq_files(environment: Mapping[str, str]) -> Iterator[str]:
    """Return the passwords of the password file and of the service file.

    https://www.postgresql.org/docs/current/libpq-pgpass.html
    """
    home = environment.get("HOME", "")
    for line in _read(environment.get("PGPASSFILE") or f"{home}/.pgpass").splitlines():
        fields = re.split(r"(?<!\\):", line)
        if len(fields) > 4 and not line.startswith("#"):  # noqa: PLR2004 - host, port, database, user
            yield re.sub(r"\\(.)", r"\1", ":".join(fields[4:]))
    services = configparser.RawConfigParser(strict=False, delimiters=("=",))
    for path in (
        environment.get("PGSERVICEFILE") or f"{home}/.pg_service.conf",
        f"{environment.get('PGSYSCONFDIR', '')}/pg_service.conf",
    ):
        with contextlib.suppress(configparser.Error):
            services.read_string(_read(path))
    for section in services.sections():
        yield from (services[section].get(name, "") for name in SECRET_PARAMETERS)


def _read(path: str) -> str:
    """Return a small file's text; empty if there is none. A pipe can be read only once."""
    with contextlib.suppress(OSError, ValueError):
        found = Path(path).stat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= _LONGEST_FILE:
            return Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    return ""
