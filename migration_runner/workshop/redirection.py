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

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.place import Place, place_of, place_under
from migration_runner.errors import ConfigError

# What else says where a server is, who connects, and how that is secured.
_REPLACED: Final = (
    *("host", "hostaddr", "port", "user", "password", "passfile", "database", "dbname", "service"),
    *("dsn", "ssl", "direct_tls", "gssencmode", "channel_binding", "require_auth"),
    *("target_session_attrs", "load_balance_hosts", "krbsrvname"),
)
# In the pool's notes about a connection.
_LED: Final = "migration_runner.redirected"
_CREATOR: Final = (
    "The project has an engine with a `creator`, which connects by itself: it cannot be led to the"
    " server of this command. Nothing was changed where it connects. Let env.py take"
    ' config.attributes["connection"] where that is set, and create the engine only otherwise.'
)


@contextlib.contextmanager
def redirected(parameters: Mapping[str, str]) -> Iterator[None]:
    """Let every Postgres engine connect with these of libpq's parameters.

    An engine with a `creator` cannot be led: if it connects elsewhere, that raises `ConfigError`.
    """
    here = place_of(parameters)

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
        led = connection.dialect.name != POSTGRES or connection.info.get(_LED)
        # The runner's own engine has a creator, too. Of a service file's server, nothing is known.
        if not led and here is not None and not _is_at(here, place_under(connection)):
            raise ConfigError(_CREATOR, reason="engine_with_creator")

    listeners = (("do_connect", redirect), ("engine_connect", refuse_others))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _is_at(here: Place, place: Place | None) -> bool:
    """Whether a place is this one; of several hosts, a connection has one."""
    return (
        place is not None
        and place.database == here.database
        and not here.servers.isdisjoint(place.servers)
    )


def _driver_name(driver: str, name: str) -> str:
    """Return the name that a driver has for one of libpq's parameters."""
    libpq = driver.startswith("psycopg")
    return name if libpq or name != "dbname" else "database"
