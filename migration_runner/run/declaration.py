"""Checks what a project declares for the fast path against what its env.py does in a full run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection
from migration_runner.database.statements import execute_plain, without_transaction
from migration_runner.errors import ConfigError
from migration_runner.project.context import ConfiguredContext
from migration_runner.project.declaration import Declaration, declaration_wrong, name_table

# What decides where a name leads.
_NAMES: Final = ("search_path", "role", "session_authorization")
_QUERY: Final = (
    "SELECT pg_backend_pid(), current_setting('search_path'), current_user, session_user"
)
# The server's process, and the state of its session.
_Session = tuple[int, tuple[str, ...]]


class DeclarationCheck:
    """The check of one attempt; without a declaration, there is none."""

    def __init__(self, declared: Declaration | None, role: str) -> None:
        self._declared = declared
        # The runner's own, with which the fast path is not taken.
        self._role = role
        # The runner's own connections, and the state of each at its login.
        self._logins: list[tuple[Any, _Session]] = []
        self._configured: list[tuple[ConfiguredContext, sqlalchemy.Connection]] = []
        self._failure: ConfigError | None = None

    def logged_in(self, driver: Any) -> None:
        """Note the state of a session of the runner's own: the fast path's is the same."""
        if self._declared is None:
            return
        autocommit, driver.autocommit = driver.autocommit, True
        with driver.cursor() as cursor:
            cursor.execute(_QUERY)
            self._logins.append((driver, _session(cursor.fetchone())))
        driver.autocommit = autocommit

    def configured(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> None:
        """Raise `ConfigError` if env.py has configured anything else than is declared.

        Then nothing is applied, even if env.py catches the error.
        """
        if self._declared is not None:
            self._configured.append((context, connection))
            self._refuse(self._difference(self._declared, context, connection))

    def applying(self) -> None:
        """Check the session again: env.py can change it between `configure` and its migrations."""
        if self._declared is not None:
            self._refuse(self._session_difference(self._configured[-1][1]))

    def require(self) -> None:
        """Raise the error that was raised before, in case that env.py has caught it."""
        if self._declared is not None and not self._configured:
            raise declaration_wrong(self._declared, "env.py does not call context.configure()")
        if self._failure is not None:
            raise self._failure

    def _refuse(self, difference: str | None) -> None:
        if self._declared is None or difference is None:
            return
        context, _ = self._configured[-1]
        context.run_nothing()
        self._failure = declaration_wrong(self._declared, difference)
        raise self._failure

    def _difference(
        self,
        declared: Declaration,
        context: ConfiguredContext,
        connection: sqlalchemy.Connection,
    ) -> str | None:
        if len(self._configured) > 1:
            return "env.py calls context.configure() more than once"
        table = context.version_table_schema, context.version_table
        if table != (declared.schema, declared.table):
            return f"env.py configures the version table {name_table(*table)}"
        if context.translates_schemas:
            return "env.py configures a connection with a schema_translate_map"
        return self._session_difference(connection)

    def _session_difference(self, connection: sqlalchemy.Connection) -> str | None:
        driver = driver_connection(connection)
        at_login = next((session for known, session in self._logins if known is driver), None)
        if at_login is None:
            return 'env.py uses another connection than config.attributes["connection"]'
        now = _ask(connection)
        if now[0] != at_login[0]:
            # Behind a pooler, a session's state is not only env.py's.
            return None
        for name, before, after in zip(_NAMES, at_login[1], now[1], strict=True):
            if before != after and not (name == "role" and self._role):
                return f"env.py changes the session's {name} from {before!r} to {after!r}"
        return None


def _ask(connection: sqlalchemy.Connection) -> _Session:
    """Ask as Alembic would, with SQLAlchemy's event listeners, and leave no transaction open."""
    with contextlib.ExitStack() as stack:
        if not connection.in_transaction():
            stack.enter_context(without_transaction(connection))
            stack.enter_context(connection.begin())
        return _session(execute_plain(connection, _QUERY).one())


def _session(row: Sequence[Any]) -> _Session:
    return int(row[0]), tuple(map(str, row[1:]))
