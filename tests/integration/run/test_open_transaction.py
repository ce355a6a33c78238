"""env.py has executed something before `configure()`: its transaction is open during the wait."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

CONFIGURE = "context.configure(connection="
# This one keeps its snapshot.
STATEMENTS = {
    "set": "SET search_path = public",
    "snapshot": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1",
}
POLLS = (
    "1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate-poll %'"
)


@pytest.fixture(params=["own", "psycopg2", "async_psycopg"])
def env(request: pytest.FixtureRequest) -> str:
    """Return an env.py with an engine of its own, and a place for statements."""
    source = ENV_SOURCES[request.param].format(options="transaction_per_migration=False")
    line = next(line for line in source.splitlines() if CONFIGURE in line)
    indent = line[: len(line) - len(line.lstrip())]
    statement = f"{indent}connection.exec_driver_sql(STATEMENT)\n{line}"
    return source.replace(line, statement)


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_the_run_with_the_lock_can_build_an_index_concurrently(
    database: Database, project: Project, migrate: Migrate, env: str, statement: str
) -> None:
    project.write_env(env.replace("STATEMENT", repr(statement)))
    project.table("r1", "one")
    database.query("CREATE TABLE big (id bigint)")
    with database.connect() as leader:
        leader.execute("SELECT pg_advisory_lock(7)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        running.wait_for_event("run_lock_busy")
        database.wait_until(POLLS)

        built = threading.Thread(
            target=leader.execute, args=["CREATE INDEX CONCURRENTLY ON big (id)"], daemon=True
        )
        built.start()
        built.join(60)
        if built.is_alive():
            # Otherwise both would wait for each other to the end of the tests.
            running.signal(signal.SIGKILL)
            built.join(60)
            pytest.fail("the index waits for the run, and the run for the lock")
        leader.execute("SELECT pg_advisory_unlock(7)")
        result = running.wait()

    assert "run_lock_acquired" in [event["event"] for event in result.events]


def test_another_run_does_everything_meanwhile(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.write_env(env.replace("STATEMENT", repr(STATEMENTS["set"])))
    project.table("r1", "one")
    with database.connect() as leader:
        leader.execute("SELECT pg_advisory_lock(7)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        running.wait_for_event("run_lock_busy")
        leader.execute("CREATE TABLE alembic_version (version_num varchar(32))")
        leader.execute("INSERT INTO alembic_version VALUES ('r1')")

        result = running.wait()

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "up_to_date" == result.finished["outcome"]
    assert ["r1"] == result.finished["to_revisions"]
