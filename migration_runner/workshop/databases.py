"""The databases on which a developer's command works: on a server of our own, or another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote, urlencode

from psycopg import sql

from migration_runner.workshop.programs import Programs

_FILE_COPY_SINCE: Final = 15
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


def url_of(parameters: Mapping[str, str]) -> str:
    """Return libpq's parameters as a URL that SQLAlchemy and every driver take."""
    options = {name: value for name, value in parameters.items() if name not in _IN_PLACE}
    user = quote(parameters.get("user", ""), safe="")
    password = f":{quote(parameters['password'], safe='')}" if "password" in parameters else ""
    database = quote(parameters["dbname"], safe="")
    return f"postgresql://{user}{password}@/{database}?{urlencode(options)}"


def create_statement(name: str, template: str, major: int) -> sql.Composed:
    """Return the statement that makes a database, as a copy of another where one is named."""
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    if template and major >= _FILE_COPY_SINCE:
        # Quicker than through the WAL, where nothing is synchronized.
        words += sql.SQL(" STRATEGY FILE_COPY")
    return words


def drop_statement(name: str) -> sql.Composed:
    """Return the statement that removes a database, whoever is connected."""
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))


def rename_statement(name: str, new: str) -> sql.Composed:
    """Return the statement that renames a database."""
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
        sql.Identifier(name), sql.Identifier(new)
    )
