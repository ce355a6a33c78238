"""Creating the database that the settings name, if it is missing.

Only runs with MIGRATE_CREATE_DATABASE, and `migrate create`, import this. Several may start at
once: the one that gets an advisory lock creates it, the others come back later, over connections of
their own. They do not wait in the server: a database that is copied must have no sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from migration_runner.database.connection_errors import classify_error, join_lines
from migration_runner.database.engine import application_name
from migration_runner.database.known_errors import MISSING_DATABASE
from migration_runner.database.probe import Connection, connect_within, connection_parameters
from migration_runner.database.refusals import ask_refusals
from migration_runner.database.run_lock import advisory_key
from migration_runner.database.sql_literals import identifier
from migration_runner.errors import ConfigError, DatabaseRejected, MigrationError
from migration_runner.log import events, logs
from migration_runner.settings.database_address import read_again
from migration_runner.settings.settings import Settings

KEY_NAMESPACE: Final = "migration-runner create database 1"
# Of these, one is connected to. The second is usually copied, and then has to be free of sessions.
MAINTENANCE: Final = ("postgres", "template1")
_PRIVILEGE: Final = "42501"
# Two of us: the name, or the row of it.
_THERE: Final = ("42P04", "23505")
# A lost or read-only session, too many connections, the template in use, a server that stops.
_PASSING: Final = ("08", "25", "40", "53", "55", "57")


class DatabaseCreator:
    """Creates the settings' database; called whenever a connection shows that it is missing."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        assert settings.database is not None  # noqa: S101 - the callers have looked
        self.created = False
        self._settings = settings
        self._address = settings.database
        self._name = application_name(run_id)

    def __call__(self) -> str:
        """Return what is in the way for now; nothing if the database is there.

        Raises `DatabaseRejected` with the statement for an administrator, `ConfigError` for an
        owner, an encoding or a template that the server does not take, and for a pooler.
        """
        parameters = connection_parameters(read_again(self._address), self._name)
        database = resolve_name(parameters)
        opened = self._connect(parameters, database)
        if isinstance(opened, str):
            return opened
        with opened:
            try:
                return self._create(opened, database)
            except psycopg.Error as error:
                return self._judge(error, database, opened.info.user)

    def _connect(self, parameters: Mapping[str, str], database: str) -> Connection | str:
        seconds = self._settings.connect_timeout
        reasons = []
        for each in MAINTENANCE:
            words = {**parameters, "dbname": each}
            try:
                return connect_within(seconds, words, seconds)
            except (psycopg.Error, OSError) as error:
                failure = classify_error(error, lambda w=words: ask_refusals(w, seconds))  # type: ignore[misc]  # the loop's
                if failure.retryable:
                    return failure.detail
                reasons.append(failure.detail)
        message = (
            f"The database {identifier(database)} does not exist, and neither {MAINTENANCE[0]} nor"
            f" {MAINTENANCE[1]} can be connected to, where it would be created:"
            f" {'; '.join(reasons)}. {self._advise(database, parameters.get('user', ''))}"
        )
        raise DatabaseRejected(message, **self._facts(database, parameters.get("user", "")))

    def _create(self, connection: Connection, database: str) -> str:
        key = advisory_key(KEY_NAMESPACE, database)
        looked = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
        through_pooler = looked != (connection.info.backend_pid,)
        if through_pooler and self._settings.pooler != "session":
            message = (
                f"The database {identifier(database)} does not exist, and is not created through a"
                " pooler. Set MIGRATE_DATABASE_URL to the server's own address, or create it"
                f" there: {self._statement(database, connection.info.user)}"
            )
            raise ConfigError(message, **self._facts(database, connection.info.user))
        if connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() != (True,):
            return "another run is creating it"
        found = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s"
        if connection.execute(found, [database]).fetchone():
            return ""
        connection.execute(self._compose(database, self._owner))
        self.created = True
        owner, encoding = describe_database(connection, database)
        logs.get_logger().info(
            events.DATABASE_CREATED, database=database, owner=owner, encoding=encoding
        )
        return ""

    def _judge(self, error: psycopg.Error, database: str, user: str) -> str:
        state = error.sqlstate or ""
        said = join_lines(error.diag.message_primary or str(error))
        if state in _THERE:
            # It came after we had looked.
            return ""
        if not state or state.startswith(_PASSING):
            return said
        missing = f"The database {identifier(database)} does not exist, and"
        facts = self._facts(database, user)
        refusal: MigrationError
        if state == _PRIVILEGE:
            advice = self._advise(database, user)
            refusal = DatabaseRejected(f"{missing} could not be created: {said}. {advice}", **facts)
        else:
            hint = f" {join_lines(error.diag.message_hint)}." if error.diag.message_hint else ""
            message = (
                f"{missing} the server did not create it: {said}.{hint} Correct"
                " MIGRATE_CREATE_DATABASE_OWNER, _ENCODING or _TEMPLATE."
            )
            refusal = ConfigError(message, **facts)
        raise refusal from error

    @property
    def _owner(self) -> str:
        return self._settings.create_database_owner or self._settings.role

    def _facts(self, database: str, user: str) -> dict[str, str]:
        return {"reason": MISSING_DATABASE, "statement": self._statement(database, user)}

    def _advise(self, database: str, user: str) -> str:
        return f"An administrator can create it: {self._statement(database, user)}"

    def _statement(self, database: str, user: str) -> str:
        """Return the statement for an administrator: the owner is whoever migrates."""
        return f"{self._compose(database, self._owner or user).as_string(None)};"

    def _compose(self, database: str, owner: str) -> sql.Composed:
        settings = self._settings
        parts = [sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))]
        if owner:
            parts.append(sql.SQL("OWNER {}").format(sql.Identifier(owner)))
        if settings.create_database_encoding:
            encoding = sql.Literal(settings.create_database_encoding)
            parts.append(sql.SQL("ENCODING {}").format(encoding))
        if settings.create_database_template:
            template = sql.Identifier(settings.create_database_template)
            parts.append(sql.SQL("TEMPLATE {}").format(template))
        return sql.SQL(" ").join(parts)


def resolve_name(parameters: Mapping[str, str]) -> str:
    """Return the database's name as libpq finds it: in a service file, PGDATABASE, the user."""
    connection = pq.PGconn.connect_start(make_conninfo("", **parameters).encode())
    try:
        return connection.db.decode()
    finally:
        connection.finish()


def describe_database(connection: Connection, database: str) -> tuple[str, str]:
    """Return a database's owner and encoding."""
    row = connection.execute(
        "SELECT pg_catalog.pg_get_userbyid(datdba), pg_catalog.pg_encoding_to_char(encoding)"
        " FROM pg_catalog.pg_database WHERE datname = %s",
        [database],
    ).fetchone()
    owner, encoding = row or ("", "")
    return str(owner), str(encoding)
