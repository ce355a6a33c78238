"""The server and its databases: an embedded PostgreSQL 18 over TCP, as in the tests."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import Connection, sql

from tests.fixtures.postgres import SUPERUSER, SUPERUSER_PASSWORD, UNPRIVILEGED, PostgresServer

# A herd of a hundred, and those of its members that open a second connection.
_MAX_CONNECTIONS: Final = "400"


@dataclass(frozen=True)
class Database:
    """One database, and the ways to name it."""

    name: str
    port: int
    host: str = "127.0.0.1"
    user: str = SUPERUSER
    password: str = SUPERUSER_PASSWORD

    @property
    def url(self) -> str:
        """The URL for libpq and most tools."""
        return self.url_of("postgresql")

    def url_of(self, scheme: str) -> str:
        """Return the URL with a tool's own scheme."""
        place = f"{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"
        return f"{scheme}://{place}?sslmode=disable"


class BenchmarkServer:
    """A running server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def connect(self, dbname: str = "postgres") -> Connection[Any]:
        """Connect as superuser, in autocommit."""
        return self._server.connect(dbname)

    def create(self, template: Database | None = None) -> Database:
        """Make an empty database, or a copy of `template`."""
        name = f"bench_{next(self._numbers)}"
        source = sql.Identifier(template.name if template else "template1")
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source)
            )
        return Database(name, self._server.port)

    def drop(self, database: Database) -> None:
        """Drop a database, and terminate the sessions in it."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name))
            )

    def tables(self, database: Database) -> int:
        """Return how many tables the revisions have made."""
        query = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'item_%'"
        with self.connect(database.name) as connection:
            return int(connection.execute(query).fetchall()[0][0])

    @contextlib.contextmanager
    def database(self, template: Database | None = None) -> Iterator[Database]:
        """Create a database, and drop it afterwards."""
        database = self.create(template)
        try:
            yield database
        finally:
            self.drop(database)

    def describe(self) -> str:
        """Return the server's version and its relevant settings."""
        with self.connect() as connection:
            version, fsync = (
                connection.execute(f"SHOW {name}".encode()).fetchall()[0][0]
                for name in ("server_version", "fsync")
            )
        return f"PostgreSQL {version} over TCP, fsync {fsync}"


@contextlib.contextmanager
def running_server(fsync: str) -> Iterator[BenchmarkServer]:
    """Run a new server, with `fsync` `on` or `off`, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="migration-runner-bench-") as name:
        folder = Path(name)
        if UNPRIVILEGED:
            shutil.chown(folder, UNPRIVILEGED)
        server = PostgresServer(folder / "data", 18)
        server.initialize()
        server.start(max_connections=_MAX_CONNECTIONS, fsync=fsync)
        try:
            yield BenchmarkServer(server)
        finally:
            server.stop()
