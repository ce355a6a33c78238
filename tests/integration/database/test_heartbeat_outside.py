"""A statement that takes long is reported wherever it stands: from the login to the last COMMIT."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.env_kinds import ENV
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

# Not only when an answer is suspiciously late.
SETTINGS = {
    "MIGRATE_HEARTBEAT": "100ms",
    "MIGRATE_DDL_LOCK_TIMEOUT": "250ms",
    "MIGRATE_CONNECT_TIMEOUT": "10m",
}
# Waits for the test, without a lock timeout to end it.
GATE = """\
op.execute("SET lock_timeout = 0")
op.execute("SELECT pg_advisory_lock(99)")
"""
ONE_TRANSACTION = ENV_PY.replace(", transaction_per_migration=True", "")


class _Standby:
    """A standby that every COMMIT waits for, and that nobody has."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        server.start()

    def require(self) -> None:
        self._set("SET synchronous_standby_names = 'gone'", "gone")

    def release(self) -> None:
        self._set("RESET synchronous_standby_names", "")

    def _set(self, change: str, name: str) -> None:
        with self._server.connect() as admin:
            admin.execute(f"ALTER SYSTEM {change}".encode())
            admin.execute("SELECT pg_reload_conf()")
        shown = None
        while shown != (name,):
            with self._server.connect() as admin:
                shown = admin.execute("SHOW synchronous_standby_names").fetchone()


@pytest.fixture
def standby_server(own_server: PostgresServer) -> _Standby:
    return _Standby(own_server)


@pytest.fixture
def replicated(standby_server: _Standby, own_server: PostgresServer) -> Iterator[Database]:
    yield create_database(own_server)
    standby_server.release()


@pytest.mark.parametrize("env", [ENV_PY, ONE_TRANSACTION], ids=["each", "one_transaction"])
def test_a_commit_that_waits_for_a_standby(
    replicated: Database,
    standby_server: _Standby,
    project: Project,
    migrate: Migrate,
    env: str,
) -> None:
    project.write_env(env)
    project.table("r1", "one")
    project.revision("r2", GATE)
    project.table("r3", "three")
    with replicated.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=replicated.url, **SETTINGS)
        running.wait_for_event("revision_running", revision="r2")
        standby_server.require()
        gate.execute("SELECT pg_advisory_unlock(99)")

    told = running.wait_for_event("revision_running", waits_for="IPC: SyncRep")

    assert ("active", "COMMIT") == (told["state"], told["statement"])
    assert ("r2" if env is ENV_PY else "r3") == told["revision"]
    standby_server.release()
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert ["r1", "r2", "r3"] == [each["revision"] for each in result.of("revision_applied")]


def test_a_statement_of_the_runner(
    replicated: Database, standby_server: _Standby, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    standby_server.require()
    running = migrate.start(DATABASE_URL=replicated.url, **SETTINGS)

    told = running.wait_for_event("statement_running", waits_for="IPC: SyncRep")

    assert "active" == told["state"]
    assert "revision" not in told
    standby_server.release()
    assert 0 == running.wait().exit_code


def test_an_autocommit_block(
    replicated: Database, standby_server: _Standby, project: Project, migrate: Migrate
) -> None:
    project.revision(
        "r1",
        f"with op.get_context().autocommit_block():\n{textwrap.indent(GATE, '    ')}"
        '    op.execute("CREATE TABLE one (id bigint)")',
    )
    with replicated.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=replicated.url, **SETTINGS)
        running.wait_for_event("revision_running", revision="r1")
        standby_server.require()
        gate.execute("SELECT pg_advisory_unlock(99)")

    told = running.wait_for_event("revision_running", waits_for="IPC: SyncRep")

    assert ("r1", "CREATE TABLE one (id bigint)") == (told["revision"], told["statement"])
    standby_server.release()
    assert 0 == running.wait().exit_code


OWN_ENGINES = {
    "psycopg": """
with create_engine(url).connect() as connection:
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(99)")
    connection.rollback()
    run(connection)
""",
    "asyncpg": """
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def main():
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(99)")
        await connection.rollback()
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
""",
}
OWN_ENGINES["psycopg2"] = OWN_ENGINES["psycopg"]
OWN_ENGINES["psycopg_async"] = OWN_ENGINES["asyncpg"]
RUN = """
def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.parametrize("driver", OWN_ENGINES)
def test_a_statement_of_env_py_before_it_configures_anything(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    project.write_env(ENV.format(body=RUN + OWN_ENGINES[driver]))
    project.table("r1", "one")
    url = database.url.replace("postgresql://", f"postgresql+{driver}://")
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(SHOP_URL=url, **SETTINGS)

        told = running.wait_for_event("statement_running", waits_for="Lock: advisory")

        assert "SELECT pg_advisory_xact_lock(99)" == told["statement"]
        assert [gate.info.backend_pid] == [each["pid"] for each in told["blockers"]]
    assert 0 == running.wait().exit_code
