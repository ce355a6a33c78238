"""The database that an address or a connection leads to: server, port and name, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from psycopg import pq

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.other_databases import POSTGRES

# libpq's default without a host is a socket, on the same machine as these.
_THIS_MACHINE: Final = "localhost"
_ITS_NAMES: Final = ("", "127.0.0.1", "::1")
_SOCKETS: Final = ("/", "@")


@dataclass(frozen=True)
class Place:
    """A database's name, and its servers, each with its port; of other kinds than Postgres, too."""

    servers: frozenset[tuple[str, str]]
    database: str
    kind: str = POSTGRES

    def __str__(self) -> str:
        """Name it as in a URL, without a user."""
        at = ",".join(_name(host, port, self.kind) for host, port in sorted(self.servers))
        text = f"{at}/{self.database}"
        return text if self.kind == POSTGRES else f"{self.kind}://{text}"

    def may_be(self, other: Place) -> bool:
        """Whether both have the database's name, and a server, in common."""
        same = (self.kind, self.database) == (other.kind, other.database)
        return same and bool(_known(self.servers) & _known(other.servers))


def place_of(parameters: Mapping[str, Any] | None) -> Place | None:
    """Return where libpq's parameters lead, or asyncpg's; None if a service file decides.

    What they omit, drivers take from the environment (`PGHOST` ...), which libpq reads.
    """
    if parameters is None or parameters.get("service"):
        return None
    defaults = {
        option.keyword.decode(): (option.val or b"").decode()
        for option in pq.Conninfo.get_defaults()
    }
    hosts = _list(parameters.get("host") or parameters.get("hostaddr") or defaults["host"])
    ports = _list(parameters.get("port") or defaults["port"])
    ports *= len(hosts) if len(ports) == 1 else 1
    user = parameters.get("user") or defaults["user"]
    database = parameters.get("dbname") or parameters.get("database") or defaults["dbname"] or user
    return Place(frozenset(zip(hosts, ports, strict=False)), str(database))


def place_under(connection: sqlalchemy.Connection) -> Place | None:
    """Return where one of SQLAlchemy's connections leads, if its driver or its URL says so."""
    if connection.dialect.name == POSTGRES:
        found = driver_under(connection).libpq_parameters(driver_connection(connection))
        if place := place_of(found):
            return place
    url = connection.engine.url
    if not url.database:
        return None
    server = (url.host or "", str(url.port or ""))
    return Place(frozenset({server}), url.database, connection.dialect.name)


def _name(host: str, port: str, kind: str) -> str:
    if not host and kind == POSTGRES:
        # As psql and the server name a connection over the server's socket.
        host = "[local]"
    return f"{host}:{port}" if port else host


def _list(value: Any) -> list[str]:
    """Return several hosts or ports: libpq has them in one text, asyncpg in a list."""
    return (
        [str(each) for each in value] if isinstance(value, (list, tuple)) else str(value).split(",")
    )


def _known(servers: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (_THIS_MACHINE if host in _ITS_NAMES or host.startswith(_SOCKETS) else host, port)
        for host, port in servers
    )
