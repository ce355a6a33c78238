"""INVALID indexes of builds that were killed, and of builds that are still under way."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

WAITS = (
    "1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND application_name LIKE '{} %' AND query ~* '{}'"
)
RUNNER_IS_GONE = (
    "1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %')"
)
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"
GATE = 'op.execute("SELECT pg_advisory_xact_lock(99)")\n'
REPAIR = {"MIGRATE_REPAIR_INVALID_INDEXES": "true"}


def _builds(statement: str) -> str:
    return f"with op.get_context().autocommit_block():\n    op.execute({statement!r})\n"


def _leave_invalid(database: Database, index: str, table: str) -> None:
    with database.connect() as connection:
        connection.execute(f"INSERT INTO {table} VALUES (1), (1)".encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} (id)".encode())
        connection.execute(f"TRUNCATE {table}".encode())


@pytest.fixture
def killed(database: Database, project: Project, migrate: Migrate) -> Database:
    """Return a database in which a run was killed in the middle of its build of `one_id`."""
    database.query("CREATE TABLE one (id bigint)")
    database.query("CREATE TABLE two (id bigint)")
    _leave_invalid(database, "one_other", "one")
    _leave_invalid(database, "two_id", "two")
    project.table("r1", "zero")
    project.revision("r2", _builds("CREATE INDEX CONCURRENTLY one_id ON one (id)"))
    with database.connect() as other, other.transaction():
        other.execute("INSERT INTO one VALUES (1)")
        running = migrate.start(DATABASE_URL=database.url)
        database.wait_until(WAITS.format("migrate", "CREATE INDEX"))
        running.kill()
        database.wait_until(RUNNER_IS_GONE)
    assert [("one_id",), ("one_other",), ("two_id",)] == database.query(INVALID)
    return database


def test_a_rerun_of_a_killed_build_says_what_is_in_its_way(
    killed: Database, migrate: Migrate
) -> None:
    failed = migrate.run(DATABASE_URL=killed.url)

    assert 1 == failed.exit_code, failed.stdout
    error = failed.finished["error"]
    assert ("42P07", ["public.one_id"]) == (error["sqlstate"], error["invalid_indexes"])
    drop = "DROP INDEX CONCURRENTLY public.one_id"
    assert f"drop it ({drop})" in failed.finished["summary"]
    assert "MIGRATE_REPAIR_INVALID_INDEXES=true" in failed.finished["summary"]

    killed.query(drop)
    assert 0 == migrate.run(DATABASE_URL=killed.url).exit_code
    assert [("one_other",), ("two_id",)] == killed.query(INVALID)


def test_or_drops_and_builds_exactly_that(killed: Database, migrate: Migrate) -> None:
    before = killed.query("SELECT 'one_other'::regclass::oid, 'two_id'::regclass::oid")

    result = migrate.run(DATABASE_URL=killed.url, **REPAIR)

    assert 0 == result.exit_code, result.stdout
    assert ["public.one_id"] == [event["index"] for event in result.of("index_repaired")]
    assert [("one_other",), ("two_id",)] == killed.query(INVALID)
    assert before == killed.query("SELECT 'one_other'::regclass::oid, 'two_id'::regclass::oid")
    assert [("r1",), ("r2",)] == killed.query(
        "SELECT revision FROM migration_runner.ledger ORDER BY sequence"
    )


@pytest.mark.parametrize("role", ["own", "other"])
def test_one_that_somebody_builds_just_now_on_another_table_is_not_this_runs(
    database: Database, project: Project, migrate: Migrate, role: str
) -> None:
    """Which index another role's session builds is hidden."""
    database.query("CREATE TABLE one (id bigint)")
    project.revision("r1", GATE + 'op.execute("CREATE TABLE two (id bigint)")')
    builder = database.connect() if role == "own" else database.server.connect(database.name)
    with builder, database.connect() as gate, database.connect() as writer:
        builder.execute("SET application_name = 'builder by hand'")
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1m")
        database.wait_until(WAITS.format("migrate", "advisory"))
        writer.execute("BEGIN")
        writer.execute("INSERT INTO one VALUES (1)")
        statement = "CREATE INDEX CONCURRENTLY one_id ON one (id)"
        building = threading.Thread(target=builder.execute, args=(statement,), daemon=True)
        building.start()
        database.wait_until(
            f"1 FROM pg_locks WHERE pid = {builder.info.backend_pid} AND NOT granted"
        )
        assert [("one_id",)] == database.query(INVALID)

        gate.execute("SELECT pg_advisory_unlock(99)")

        result = running.wait()
        writer.execute("COMMIT")
        building.join(60)
    assert 0 == result.exit_code, result.stdout
    assert [] == database.query(INVALID)


def test_nor_is_it_dropped(database: Database, project: Project, migrate: Migrate) -> None:
    database.query("CREATE TABLE one (id bigint)")
    project.revision("r1", _builds("CREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id)"))
    with database.connect() as builder, database.connect() as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO one VALUES (1)")
        statement = "CREATE INDEX CONCURRENTLY one_id ON one (id)"
        building = threading.Thread(target=builder.execute, args=(statement,), daemon=True)
        building.start()
        database.wait_until(
            f"1 FROM pg_locks WHERE pid = {builder.info.backend_pid} AND NOT granted"
        )
        ((oid,),) = database.query("SELECT 'one_id'::regclass::oid")
        running = migrate.start(DATABASE_URL=database.url, **REPAIR)
        # Two builds on one table can only deadlock: it goes no further than this.
        database.wait_until(WAITS.format("migrate", "CREATE INDEX"))
        running.kill()
        database.wait_until(RUNNER_IS_GONE)

        writer.execute("COMMIT")

        building.join(60)
    assert [] == running.wait().of("index_repaired")
    assert [(oid, True)] == database.query(
        "SELECT indexrelid, indisvalid FROM pg_index WHERE indrelid = 'one'::regclass"
    )


def test_a_vacuum_of_the_table_hides_no_invalid_index(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It takes the same lock on the table as a build."""
    database.query("CREATE TABLE one (id bigint)")
    _leave_invalid(database, "one_id", "one")
    project.revision(
        "r1", _builds("CREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id)") + GATE
    )
    with database.connect() as gate, database.connect() as vacuum, vacuum.transaction():
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1m")
        database.wait_until(WAITS.format("migrate", "advisory"))
        vacuum.execute("LOCK TABLE one IN SHARE UPDATE EXCLUSIVE MODE")

        gate.execute("SELECT pg_advisory_unlock(99)")

        result = running.wait()
    assert 1 == result.exit_code, result.stdout
    assert ["public.one_id"] == result.finished["error"]["invalid_indexes"]
