"""The work session: the connection that env.py passes to Alembic, with the runner's settings."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event, text

from migration_runner.database.network import keep_alive
from migration_runner.database.session_limits import StricterLimit, set_limits
from migration_runner.database.sql_literals import literal
from migration_runner.database.statements import (
    execute_plain,
    roll_back,
    set_names,
    without_transaction,
)
from migration_runner.log import events, logs

_REFUSES_WRITES: Final = (
    "(pg_is_in_recovery() OR CASE current_setting('default_transaction_read_only') WHEN 'on' THEN"
    " (SELECT source <> 'session' FROM pg_catalog.pg_settings"
    " WHERE name = 'default_transaction_read_only') ELSE false END)"
)

# A setting of the session's: the transaction in which the last revision was written.
LAST_TRANSACTION: Final = "migration_runner.last_transaction"


@dataclass(frozen=True)
class SessionSettings:
    """The settings of a session; times in seconds, 0 for none."""

    application_name: str
    ddl_lock_timeout: float
    statement_timeout: float
    role: str


@dataclass(frozen=True)
class ServerFacts:
    """The server's database, its version (such as `18.1`), and the session's backend PID.

    `search_path` is the session's when env.py configures it. `read_only`: the server refused
    writes then.
    """

    database: str
    version: str
    pid: int
    search_path: str = ""
    read_only: bool = False


class WorkSession:
    """One connection, and what the runner does on it between env.py's transactions."""

    # With the run lock, the ledger and everything else that needs Postgres.
    safeguarded = True

    def __init__(self, connection: sqlalchemy.Connection, settings: SessionSettings) -> None:
        self.connection = connection
        # Stricter ones than the runner's, which it has replaced or will replace.
        self.replaced_limits: list[StricterLimit] = []
        self._settings = settings
        # What `apply_settings` executes; it can be sent along with other statements.
        self.settings_statement = _set_everything(settings)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: env.py's or a revision's."""
        return self.connection.in_transaction()

    @property
    def lost(self) -> bool:
        """Whether the connection is broken."""
        return not self.connection.closed and self.connection.invalidated

    @property
    def over(self) -> bool:
        """Whether the connection is unusable once env.py has returned.

        env.py has closed it, or it is bound to an event loop that has ended.
        """
        return self.connection.closed or self.connection.dialect.is_async

    def roll_back(self) -> None:
        """Roll back the open transaction, whoever began it, if there still is a session."""
        if not self.over and not self.lost:
            roll_back(self.connection)

    @contextlib.contextmanager
    def between_transactions(self) -> Iterator[None]:
        """Leave no transaction open: Alembic would take it for one that it does not own.

        Within a transaction that env.py has begun, everything happens in that one.
        """
        if self.in_transaction:
            yield
            return
        with self.connection.begin():
            yield

    @contextlib.contextmanager
    def statement_by_statement(self) -> Iterator[None]:
        """As `between_transactions`, but each statement is its own transaction, without BEGIN."""
        if self.in_transaction or not self.safeguarded:
            with self.between_transactions():
                yield
            return
        with without_transaction(self.connection), self.connection.begin():
            yield

    def set_role(self) -> None:
        """Set the run's role, for a session that has no other setting of ours."""
        if self._settings.role:
            with self.between_transactions():
                set_names(self.connection, self._settings.role)

    def ask(self) -> ServerFacts:
        """Query the server's facts, and change nothing."""
        query = (
            "SELECT current_database(), current_setting('server_version'), pg_backend_pid(),"
            f" current_setting('search_path'), {_REFUSES_WRITES}"
        )
        with self.between_transactions():
            row = self.connection.exec_driver_sql(query).one()
        database, version, pid, path, read_only = row
        return ServerFacts(
            str(database), str(version).split()[0], int(pid), str(path), bool(read_only)
        )

    def set_limits(self) -> list[StricterLimit]:
        """Set what lasts for the session; return the limits that are stricter than ours.

        Both ends detect within seconds that the other end, or the network, is gone.
        """
        keep_alive(self.connection)
        with self.between_transactions():
            found = set_limits(self.connection)
        ours = {
            "lock_timeout": self._settings.ddl_lock_timeout,
            "statement_timeout": self._settings.statement_timeout,
        }
        return [limit for limit in found if limit.seconds < (ours.get(limit.name) or math.inf)]

    def apply_settings(self) -> None:
        """Set timeouts, role and name: before every revision, since revisions can change them."""
        with self.statement_by_statement():
            execute_plain(self.connection, self.settings_statement)

    def locate_version_table(self, schema: str | None, table: str) -> tuple[str, str, str]:
        """Return database, schema and name of the version table, which may not exist yet."""
        query = text(
            "SELECT current_database(), coalesce(:schema,"
            " (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = to_regclass(quote_ident(:table))), current_schema(), ''), :table"
        ).bindparams(
            sqlalchemy.bindparam("schema", schema, sqlalchemy.Text),
            sqlalchemy.bindparam("table", table, sqlalchemy.Text),
        )
        with self.between_transactions():
            database, found, name = self.connection.execute(query).one()
        return str(database), str(found), str(name)

    def end_backends(self, pids: Collection[int]) -> None:
        """Terminate this run's backends whose connections broke: one may still hold the lock.

        Their name is checked, since their PIDs may have been reused.
        """
        query = text(
            "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid IN :pids"
            " AND pid <> pg_backend_pid() AND application_name = :name"
        ).bindparams(sqlalchemy.bindparam("pids", list(pids), expanding=True))
        values = {"name": self._settings.application_name[:_NAME_BYTES]}
        with self.between_transactions():
            self.connection.execute(query, values)


def _set_everything(settings: SessionSettings) -> str:
    values = {
        "application_name": settings.application_name,
        "lock_timeout": f"{settings.ddl_lock_timeout * 1000:.0f}",
        "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",
    }
    if settings.role:
        values["role"] = settings.role
    calls = [f"set_config('{name}', {literal(value)}, false)" for name, value in values.items()]
    # Outside of a transaction that has written, there is none.
    calls.append(f"set_config('{LAST_TRANSACTION}', pg_current_xact_id_if_assigned()::text, false)")
    return f"SELECT {', '.join(calls)}"


# NAMEDATALEN - 1: the server truncates longer names.
_NAME_BYTES: Final = 63


def refuses_writes(connection: sqlalchemy.Connection) -> bool:
    """Whether the server is read-only: a standby, or by a setting that no client has made."""
    return bool(connection.exec_driver_sql(f"SELECT {_REFUSES_WRITES}").scalar_one())


def log_statements(connection: sqlalchemy.Connection) -> None:
    """Log every statement on `connection` with its duration, at level debug."""
    if not event.contains(connection, "before_cursor_execute", _before_statement):
        event.listen(connection, "before_cursor_execute", _before_statement)
        event.listen(connection, "after_cursor_execute", _after_statement)


def _before_statement(*arguments: Any) -> None:
    context = arguments[4]
    if context is not None:
        context.migrate_started = time.perf_counter()


def _after_statement(*arguments: Any) -> None:
    statement, context = arguments[2], arguments[4]
    started = getattr(context, "migrate_started", None)
    if started is not None:
        duration = round(time.perf_counter() - started, 6)
        text_ = " ".join(statement.split())
        logs.get_logger().debug(
            events.STATEMENT_EXECUTED, statement=text_, duration_seconds=duration
        )
