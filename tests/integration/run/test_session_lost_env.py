"""The session that is lost is env.py's own, and env.py is loaded again for another one."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.faults import (
    HISTORY,
    Gate,
    assert_all_applied,
    in_commit_of,
    lost,
    recorded,
    terminate,
)
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

TENANTS = """\
from alembic import context

from migration_runner.database.engine import engine_from_environment

for tenant in ("a", "b"):
    with engine_from_environment().connect() as connection:
        connection.exec_driver_sql(f"SET search_path = {tenant}")
        connection.commit()
        context.configure(
            connection=connection, transaction_per_migration=True, version_table_schema=tenant
        )
        with context.begin_transaction():
            context.run_migrations()
"""
# As in Alembic's template for several databases: every connection is open to the end.
TWO_CONNECTIONS = """\
from contextlib import ExitStack

from alembic import context

from migration_runner.database.engine import engine_from_environment

with ExitStack() as stack:
    for table in ("alembic_version", "other_version"):
        connection = stack.enter_context(engine_from_environment().connect())
        if table == "other_version":
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS other")
            connection.exec_driver_sql("SET search_path = other, public")
            connection.commit()
        context.configure(
            connection=connection, version_table=table, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.fixture(params=["generic", "async"])
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made_by_alembic(database: Database, project: Project, template: str) -> Project:
    use_template(project, database, template)
    return project


@pytest.fixture
def through_proxy(database: Database, made_by_alembic: Project, gate: Gate, proxy: Proxy) -> Proxy:
    ini = made_by_alembic.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace(f":{database.server.port}/", f":{proxy.port}/"))
    proxy.upstream_port = database.server.port
    gate.shut(database)
    gate.wake(database)
    return proxy


@pytest.mark.usefixtures("made_by_alembic")
def test_one_transaction_for_all_revisions(
    database: Database, gate: Gate, migrate: Migrate
) -> None:
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)
    pid = gate.wait_for_sleeper(database)

    terminate(database, pid)

    lost(running, committed=[], uncertain=["r1", "r2"])
    assert_all_applied(running.wait(), database)
    assert HISTORY == recorded(database)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_in_the_commit_of_them_all(
    database: Database, migrate: Migrate, through_proxy: Proxy, *, kept: bool
) -> None:
    in_commit_of(through_proxy, "three", through_proxy.cut, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(through_proxy.port))

    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    (event,) = result.of("session_lost")
    assert ([], HISTORY) == (event["committed"], event["uncertain"])


def test_a_restart(
    own_server: PostgresServer, project: Project, gate: Gate, migrate: Migrate, template: str
) -> None:
    own_server.start()
    database = create_database(own_server)
    use_template(project, database, template)
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)
    gate.wait_for_sleeper(database)

    own_server.stop()
    running.wait_for_event("database_unavailable")
    own_server.start()

    assert_all_applied(running.wait(), database)
    assert HISTORY == recorded(database)


def test_an_env_that_cannot_be_loaded_twice(
    database: Database, project: Project, gate: Gate, migrate: Migrate
) -> None:
    """Another process can go on: that is no failure of the settings."""
    once = 'import sys\nif "here" in sys.modules:\n    raise RuntimeError("twice")\n'
    project.write_env(f'{once}sys.modules["here"] = sys\n{ENV_PY}')
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)

    terminate(database, gate.wait_for_sleeper(database))

    result = running.wait()
    assert 75 == result.exit_code, result.stdout
    assert "session_lost" == result.finished["error"]["reason"]
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert HISTORY == recorded(database)


def test_an_env_with_several_version_tables(
    database: Database, project: Project, gate: Gate, migrate: Migrate
) -> None:
    """Every history is asked for itself: one has the revision that the other one has lost."""
    project.write_env(TENANTS)
    for schema in ("a", "b"):
        database.query(f"CREATE SCHEMA {schema}")
        database.query("ALTER ROLE CURRENT_USER SET search_path = " + schema)
        gate.shut(database)
    database.query("DELETE FROM a.gate")
    running = migrate.start(DATABASE_URL=database.url)

    terminate(database, gate.wait_for_sleeper(database))

    lost(running, committed=[*HISTORY, "r1"], uncertain=["r2"])
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert HISTORY * 2 == [each["revision"] for each in result.finished["applied"]]
    assert HISTORY * 2 == [event["revision"] for event in result.of("revision_applied")]
    assert HISTORY * 2 == recorded(database)


def test_an_env_with_two_connections_at_the_same_time(
    database: Database, project: Project, gate: Gate, migrate: Migrate
) -> None:
    """Its own other session is none that broke."""
    project.write_env(TWO_CONNECTIONS)
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)

    terminate(database, gate.wait_for_sleeper(database))

    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert HISTORY * 2 == recorded(database)
    assert 1 == len(result.of("session_lost"))
