"""A server, or a paused pooler, accepts the login and answers nothing after it."""

from __future__ import annotations

import signal

import psycopg
import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.env_kinds import ENV
from tests.fixtures.pgbouncer import PgBouncerFactory
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

SETTINGS = {"MIGRATE_WAIT_TIMEOUT": "60s", "MIGRATE_CONNECT_TIMEOUT": "500ms"}
BRIEF = {"MIGRATE_WAIT_TIMEOUT": "2s", "MIGRATE_CONNECT_TIMEOUT": "500ms"}
# Or, if connecting took most of the time: "connection timed out after".
SILENCE = "connection timed out"
SYNC = """
with create_engine(url).connect() as connection:
    run(connection)
"""
ASYNC = """
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def main():
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
"""
RUN = """
def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
ENGINES = {"psycopg": SYNC, "psycopg2": SYNC, "asyncpg": ASYNC, "psycopg_async": ASYNC}
KINDS = ["offered", *ENGINES]


def _variables(kind: str, project: Project, url: str) -> dict[str, str]:
    """Write env.py, and return the variables that name the database."""
    project.table("r1", "one")
    if kind == "offered":
        return {"DATABASE_URL": url}
    project.write_env(ENV.format(body=RUN + ENGINES[kind]))
    return {"SHOP_URL": url.replace("postgresql://", f"postgresql+{kind}://")}


@pytest.fixture(autouse=True)
def _silent(proxy: Proxy, database: Database) -> None:
    """Let the login through, and no statement."""
    proxy.upstream_port = database.server.port

    def tap(message: Message) -> None:
        if message.statement:
            proxy.freeze()

    proxy.tap = tap


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_waited_for(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, kind: str
) -> None:
    variables = _variables(kind, project, database.url_at(proxy.port))
    running = migrate.start(**variables, **SETTINGS)
    told = running.wait_for_event("database_unavailable", reason="timeout")

    proxy.tap = None

    result = running.wait()
    assert SILENCE in told["detail"]
    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "applied" == result.finished["outcome"]


@pytest.mark.parametrize("kind", KINDS)
def test_not_beyond_the_wait_timeout(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, kind: str
) -> None:
    variables = _variables(kind, project, database.url_at(proxy.port))

    result = migrate.run(**variables, **BRIEF)

    assert (69, "timeout") == (result.exit_code, result.finished["error"]["reason"])
    assert "The database was not touched." in result.finished["summary"]
    assert CANARY not in result.stdout + result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_ends_the_wait(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, kind: str
) -> None:
    variables = _variables(kind, project, database.url_at(proxy.port))
    running = migrate.start(**variables, MIGRATE_CONNECT_TIMEOUT="30s")
    proxy.wait_for_connection()

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert (143, "interrupted") == (result.exit_code, result.finished["outcome"])


@pytest.mark.parametrize("kind", ["offered", "psycopg2"])
def test_commands_that_only_read(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, kind: str
) -> None:
    variables = _variables(kind, project, database.url_at(proxy.port))

    for command in ("status", "ledger"):
        result = migrate.run(command, **variables, **BRIEF)

        assert 69 == result.exit_code, result.stdout + result.stderr
        assert SILENCE in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_paused_pooler(
    database: Database, project: Project, migrate: Migrate, pgbouncer: PgBouncerFactory, kind: str
) -> None:
    pooler = pgbouncer(database, "session", admin_users=database.owner)
    variables = _variables(kind, project, pooler.url)
    # It takes no parameters apart from a statement; and unlike `pgconn.exec_`, this can be ended.
    with psycopg.connect(
        pooler.url.replace(f"/{database.name}", "/pgbouncer"),
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    ) as admin:
        admin.execute(f"PAUSE {database.name}".encode())
        running = migrate.start(**variables, **SETTINGS)
        told = running.wait_for_event("database_unavailable", reason="timeout")
        admin.execute(f"RESUME {database.name}".encode())

    result = running.wait()
    assert "timed out" in told["detail"]
    assert 0 == result.exit_code, result.stdout + result.stderr
