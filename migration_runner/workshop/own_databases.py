"""Databases of a throw-away server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.databases import (
    create_statement,
    drop_statement,
    rename_statement,
    url_of,
)
from migration_runner.workshop.initdb import SUPERUSER

_MADE: Final = "made by migrate for a revision"


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
            connection.execute(create_statement(name, template, self.programs.major))

    def drop(self, name: str) -> None:
        """Remove one, whoever is connected."""
        with self._connect() as connection:
            connection.execute(drop_statement(name))

    def rename(self, name: str, new: str) -> None:
        """Rename one."""
        with self._connect() as connection:
            connection.execute(rename_statement(name, new))

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
