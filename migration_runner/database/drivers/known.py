"""The known drivers, and which one a connection uses."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.asyncpg import Asyncpg
from migration_runner.database.drivers.driver import Driver
from migration_runner.database.drivers.psycopg import Psycopg
from migration_runner.database.drivers.psycopg2 import Psycopg2

# By the package that a connection's class comes from.
_KNOWN: Final[dict[str, Driver]] = {
    "psycopg": Psycopg(),
    "psycopg2": Psycopg2(),
    "asyncpg": Asyncpg(),
}
_UNKNOWN: Final = Driver()


def driver_connection(connection: sqlalchemy.Connection) -> Any:
    """Return the driver's own connection, below SQLAlchemy's adapter for asynchronous ones."""
    return connection.connection.driver_connection


def driver_for(connection: Any) -> Driver:
    """Return the driver of one of its own connections."""
    for kind in type(connection).__mro__:
        if driver := _KNOWN.get(kind.__module__.partition(".")[0]):
            return driver
    return _UNKNOWN


def driver_under(connection: sqlalchemy.Connection) -> Driver:
    """Return the driver of one of SQLAlchemy's connections."""
    return driver_for(driver_connection(connection))
