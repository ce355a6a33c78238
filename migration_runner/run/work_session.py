"""Makes a connection the work session: checks the server and poolers, and sets what it needs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

import psycopg
import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.engine import application_name
from migration_runner.database.other_databases import POSTGRES, plain_session
from migration_runner.database.pooler import recognize_statement_pooler, require_session
from migration_runner.database.probe import connect_within
from migration_runner.database.session import ServerFacts, SessionSettings, WorkSession
from migration_runner.log import events, logs
from migration_runner.report.report import RunReport
from migration_runner.settings.settings import Settings


def open_read_only(
    settings: Settings, report: RunReport, connection: sqlalchemy.Connection
) -> tuple[WorkSession, ServerFacts]:
    """Return a session that only reads: it sets only the role, and works through any pooler."""
    session = _session(settings, report, connection, read_only=True)
    server = session.ask()
    # A pooler would give the role to other clients.
    if session.safeguarded and _login_pid(connection) in (None, server.pid):
        session.set_role()
    if report.server_version is None:
        _report_server(report, server)
    return session, server


def open_for_work(
    settings: Settings,
    report: RunReport,
    connection: sqlalchemy.Connection,
    orphans: Collection[int] = (),
) -> tuple[WorkSession, ServerFacts]:
    """Return a session for the run lock and the work, with all its settings.

    `orphans` are the backends of this run's earlier sessions, which broke: they are terminated.
    Raises `ConfigError` for a pooler without sessions, or for another database than Postgres.
    """
    session = _session(settings, report, connection, read_only=False)
    server = session.ask()
    if not session.safeguarded:
        _report_server(report, server)
        return session, server
    pid = _login_pid(connection)
    if (
        settings.pooler == "detect"
        and settings.run_lock == "on"
        and pid is not None
        and pid != server.pid
    ):
        require_session(
            lambda: session.ask().pid, lambda: _other_backend(connection, settings, report)
        )
    session.replaced_limits = session.set_limits()
    if orphans:
        session.end_backends(orphans)
    _report_server(report, server)
    session.apply_settings()
    return session, server


def _login_pid(connection: sqlalchemy.Connection) -> int | None:
    return driver_under(connection).login_pid(driver_connection(connection))


def _session(
    settings: Settings, report: RunReport, connection: sqlalchemy.Connection, *, read_only: bool
) -> WorkSession:
    if connection.dialect.name != POSTGRES:
        return plain_session(settings, connection, read_only=read_only)
    return WorkSession(
        connection,
        SessionSettings(
            application_name(report.run_id),
            settings.ddl_lock_timeout,
            settings.statement_timeout,
            settings.role,
        ),
    )


def _report_server(report: RunReport, server: ServerFacts) -> None:
    report.database, report.server_version = server.database, server.version
    logs.get_logger().info(
        events.DATABASE_READY,
        database=server.database,
        server_version=server.version,
        waited_seconds=round(report.waited_for_database_seconds, 3),
    )


@contextlib.contextmanager
def _other_backend(
    ours: sqlalchemy.Connection, settings: Settings, report: RunReport
) -> Iterator[int | None]:
    """Open another session to the same server as `ours`, in a transaction; yield its backend.

    None if the parameters are not known. Raises `TimeoutError` if the pooler has none free.
    """
    seconds = settings.connect_timeout
    parameters = driver_under(ours).libpq_parameters(driver_connection(ours))
    if parameters is None:
        yield None
        return
    parameters["application_name"] = f"migrate-look {report.run_id}"
    pid = 0

    def connect_and_look(**words: object) -> psycopg.Connection[tuple[object, ...]]:
        nonlocal pid
        connection = psycopg.connect(**words)  # type: ignore[arg-type]  # libpq's own words
        try:
            connection.execute("BEGIN")
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        except BaseException:
            connection.close()
            raise
        pid = int(str(row[0])) if row else 0
        return connection

    try:
        connection = connect_within(seconds, parameters, seconds, connect_and_look)
    except psycopg.OperationalError as error:
        if refusal := recognize_statement_pooler(error):
            raise refusal from error
        # The pooler has too many clients, or too few connections.
        raise TimeoutError(str(error)) from error
    with connection:
        yield pid
