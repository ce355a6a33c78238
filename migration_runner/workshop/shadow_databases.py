"""Databases on the server that `--shadow` names: only what this runner has made is touched."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from migration_runner.database.connection_errors import classify_error
from migration_runner.database.known_errors import INVALID_PARAMETERS
from migration_runner.database.refusals import ask_refusals
from migration_runner.errors import ConfigError, DatabaseRejected, DatabaseUnavailable
from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import DatabaseAddress, parse_database_url
from migration_runner.workshop.databases import create_statement, drop_statement, url_of
from migration_runner.workshop.programs import find_dump_programs, major_of

_SHADOW: Final = "migrate_shadow_"
_DAY: Final = dt.timedelta(days=1)
_CONNECT_SECONDS: Final = 10


class ShadowDatabases:
    """Databases that are made on a server that the user names, and removed at the end."""

    def __init__(self, address: DatabaseAddress) -> None:
        """Connect, and remove what dead runs have left for more than a day.

        Raises `DatabaseUnavailable`, `DatabaseRejected` or `ConfigError`.
        """
        self._address = address
        self._names: dict[str, str] = {}
        self._run = uuid.uuid4().hex[:12]
        self._made = 0
        with self._connect() as connection:
            version = connection.info.parameter_status("server_version") or "0"
            self._version = version.split(" ")[0]
            self._database = connection.info.dbname
            _remove_left_overs(connection)
        self.programs = find_dump_programs(self.major)

    @property
    def major(self) -> int:
        """The server's major version."""
        return major_of(self._version)

    @property
    def description(self) -> str:
        """Which server it is, in words."""
        return f"PostgreSQL {self._version} (--shadow)"

    def create(self, name: str, template: str = "") -> None:
        """Make a database of our own. Raises `DatabaseRejected` without the right to."""
        # One that was given another name since has kept this one on the server.
        self._made += 1
        made = f"{_SHADOW}{self._run}_{self._made}_{name}"
        source = self._names.get(template, "")
        # Before it is there: whoever is interrupted does not learn that it is.
        self._names[name] = made
        with self._connect() as connection:
            try:
                connection.execute(create_statement(made, source, self.major))
            except psycopg.errors.InsufficientPrivilege as error:
                message = (
                    f"The role {connection.info.user} may not create databases on the server of"
                    " --shadow, and the database that it names is not touched. Give it the right"
                    f" (ALTER ROLE {connection.info.user} CREATEDB), or leave --shadow out: then"
                    " a server is started for this command."
                )
                raise DatabaseRejected(message, reason="no_createdb") from error
            comment = json.dumps({"migrate": self._run, "made": _now().isoformat()})
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(made), sql.Literal(comment)
                )
            )

    def drop(self, name: str) -> None:
        """Remove one of ours."""
        if name in self._names:
            with self._connect() as connection:
                connection.execute(drop_statement(self._names[name]))
            del self._names[name]

    def rename(self, name: str, new: str) -> None:
        """Rename one of ours: only we know it by that name."""
        self._names[new] = self._names.pop(name)

    def parameters(self, name: str) -> dict[str, str]:
        """Return libpq's parameters for one of ours."""
        return {**self._address.parameters, "dbname": self._names[name]}

    def url(self, name: str) -> str:
        """Return the URL of one of ours."""
        return url_of(self.parameters(name))

    def make_role(self, name: str) -> bool:  # noqa: ARG002 - as in `Databases`
        """Make none: another's cluster is shared."""
        return False

    def made_roles(self) -> list[str]:
        """Return none."""
        return []

    def close(self) -> None:
        """Remove all of ours."""
        for name in list(self._names):
            with contextlib.suppress(psycopg.Error, DatabaseUnavailable, DatabaseRejected):
                self.drop(name)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        parameters: Any = {"connect_timeout": str(_CONNECT_SECONDS), **self._address.parameters}
        try:
            connection = psycopg.connect(**parameters, autocommit=True)
        except psycopg.OperationalError as error:
            failure = classify_error(
                error, lambda: ask_refusals(self._address.parameters, _CONNECT_SECONDS)
            )
            detail = str(error).strip()
            end = "" if detail.endswith("?") else "."
            what = "that it is running" if failure.retryable else "user, password and database"
            message = (
                f"The server of --shadow cannot be used: {detail}{end} Check its URL and {what}, or"
                " leave --shadow out: then a server is started for this command."
            )
            if failure.reason in INVALID_PARAMETERS:
                raise ConfigError(message, reason=failure.reason) from error
            kind = DatabaseUnavailable if failure.retryable else DatabaseRejected
            raise kind(message, reason=failure.reason) from error
        with connection:
            yield connection


@contextlib.contextmanager
def shadow_databases(url: str) -> Iterator[ShadowDatabases]:
    """Use the server of a URL for the block. Raises `ConfigError` for a wrong one."""
    try:
        address = parse_database_url(url)
    except ValueError as error:
        message = f"--shadow {error}"
        raise ConfigError(message, reason="shadow") from None
    hide_secrets(address.secrets, address.public)
    found = ShadowDatabases(address)
    try:
        yield found
    finally:
        found.close()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _remove_left_overs(connection: psycopg.Connection[Any]) -> None:
    """Drop what runs that were killed have left: ours by name and comment, and unused for a day."""
    rows = connection.execute(
        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE starts_with(datname, %s)"
        " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datid = pg_database.oid)",
        [_SHADOW],
    ).fetchall()
    for name, comment in rows:
        with contextlib.suppress(ValueError, TypeError, KeyError, psycopg.Error):
            made = dt.datetime.fromisoformat(json.loads(comment)["made"])
            if _now() - made > _DAY:
                connection.execute(drop_statement(name))
