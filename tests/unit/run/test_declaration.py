"""The check of a declaration behind a pooler, which gives a session to several clients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from migration_runner.errors import ConfigError
from migration_runner.project.declaration import Declaration
from migration_runner.run.declaration import DeclarationCheck


class FakeConnection:
    """A driver's connection, and SQLAlchemy's above it."""

    autocommit = False
    dialect = SimpleNamespace(is_async=False)

    def __init__(self) -> None:
        self.row: tuple[Any, ...] = (1, "public", "shop", "shop")
        self.connection = SimpleNamespace(driver_connection=self)

    def cursor(self) -> Any:
        """Return a cursor, for which this object does."""
        return self

    def __enter__(self) -> Any:
        """Return the cursor."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def execute(self, _query: str) -> None:
        """Ask nothing: the row is there."""

    def exec_driver_sql(self, _query: str, **_: object) -> Any:
        """Return the row."""
        return self

    def fetchone(self) -> Any:
        """Return the row."""
        return self.row

    one = fetchone

    def in_transaction(self) -> bool:
        """Whether there is a transaction, which must not be left open."""
        return True


def _check(connection: Any) -> DeclarationCheck:
    check = DeclarationCheck(Declaration("alembic.ini", None, "alembic_version"), "")
    check.logged_in(connection)
    return check


def _context() -> Any:
    return SimpleNamespace(
        version_table="alembic_version",
        version_table_schema=None,
        translates_schemas=False,
        run_nothing=lambda: None,
    )


def test_the_same_session_differs() -> None:
    connection: Any = FakeConnection()
    check = _check(connection)
    connection.row = (1, "other", "shop", "shop")

    with pytest.raises(ConfigError, match="search_path from 'public' to 'other'"):
        check.configured(_context(), connection)
    with pytest.raises(ConfigError, match="search_path"):
        check.require()


def test_of_another_session_nothing_is_known() -> None:
    connection: Any = FakeConnection()
    check = _check(connection)
    connection.row = (2, "other", "shop", "shop")

    check.configured(_context(), connection)
    check.applying()
    check.require()


def test_nothing_configured() -> None:
    with pytest.raises(ConfigError, match=r"env.py does not call context.configure\(\)"):
        _check(FakeConnection()).require()


def test_without_a_declaration_nothing_is_asked() -> None:
    check = DeclarationCheck(None, "")
    nobody: Any = None

    check.logged_in(nobody)
    check.configured(nobody, nobody)
    check.applying()
    check.require()
