"""Leads every engine of a process to one database, whatever the project has configured.

A developer's command must change no other database, and needs none of the project's own settings.
SQLAlchemy lets a listener change a driver's arguments before it connects
(https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.do_connect).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Engine

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.other_databases import POSTGRES
from migration_runner.errors import ConfigError

# What else says where a server is, who connects, and how that is secured.
_REPLACED: Final = (
    *("host", "hostaddr", "port", "user", "password", "passfile", "database", "dbname", "service"),
    *("dsn", "ssl", "direct_tls", "gssencmode", "channel_binding", "require_auth"),
    *("target_session_attrs", "load_balance_hosts", "krbsrvname"),
)
# In the pool's notes about a connection.
_PORT: Final = "5432"
_LED: Final = "migration_runner.redirected"
_OWN_WAY: Final = (
    "The project has an engine that connects by itself, by a `creator`, a pool of its own or a"
    " `do_connect` listener: it cannot be led to the server of this command. Nothing was changed"
    ' where it connects. Let env.py take config.attributes["connection"] where that is set, and'
    " create the engine only otherwise."
)


@contextlib.contextmanager
def redirected(parameters: Mapping[str, str]) -> Iterator[None]:
    """Let every Postgres engine connect with these of libpq's parameters.

    What connects elsewhere all the same is refused before its first statement: `ConfigError`.
    """

    def redirect(dialect: Any, record: Any, arguments: Any, words: dict[str, Any]) -> None:
        if dialect.name != POSTGRES:
            return
        record.info[_LED] = True
        # psycopg's and psycopg2's DSN.
        with contextlib.suppress(TypeError):
            arguments.clear()
        for name in [each for each in words if each in _REPLACED or each.startswith("ssl")]:
            del words[name]
        for name, value in parameters.items():
            words[_driver_name(dialect.driver, name)] = value

    def refuse_others(connection: sqlalchemy.Connection, *_: object) -> None:
        if connection.dialect.name == POSTGRES and not _is_here(connection, parameters):
            raise ConfigError(_OWN_WAY, reason="engine_with_creator")

    listeners = (("do_connect", redirect), ("engine_connect", refuse_others))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _is_here(connection: sqlalchemy.Connection, parameters: Mapping[str, str]) -> bool:
    """Whether a connection leads where it should, as its driver says."""
    found = driver_under(connection).libpq_parameters(driver_connection(connection)) or {}
    if "dbname" not in found or "dbname" not in parameters:
        # A driver that does not tell, or a service file's server: then it must at least be led.
        return bool(connection.info.get(_LED))
    hosts = parameters.get("host", "").split(",")
    # Of several hosts, a connection has one. Without any, it is libpq's default, as for the other.
    same_host = not hosts[0] or not {*hosts}.isdisjoint(str(found.get("host")).split(","))
    same_port = found.get("port") in (None, *parameters.get("port", _PORT).split(","))
    return same_host and same_port and found["dbname"] == parameters["dbname"]


def _driver_name(driver: str, name: str) -> str:
    """Return the name that a driver has for one of libpq's parameters."""
    libpq = driver.startswith("psycopg")
    return name if libpq or name != "dbname" else "database"
