"""The observer: tells of a revision that runs long, and is in nobody's way."""

from __future__ import annotations

from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

# The observer looks every 50 ms.
SETTINGS = {"MIGRATE_HEARTBEAT": "100ms", "MIGRATE_DDL_LOCK_TIMEOUT": "250ms"}
OBSERVERS = "FROM pg_stat_activity WHERE application_name LIKE 'migrate-observer %'"
# Waits for the test, without a lock timeout to end it.
GATE = """\
op.execute("SET lock_timeout = 0")
op.execute("SELECT pg_advisory_xact_lock(99)")
"""


def test_a_concurrent_build_is_told_with_its_progress_and_what_it_waits_for(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    database = any_database
    database.query("CREATE TABLE one AS SELECT 1 AS id")
    project.revision(
        "r1",
        "with op.get_context().autocommit_block():\n"
        '    op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")',
    )
    with database.connect() as writer, writer.transaction():
        writer.execute("SET application_name = 'shop-web'")
        writer.execute("UPDATE one SET id = 2")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

        told = running.wait_for_event("revision_running", waits_for="Lock: virtualxid")
        later = running.wait_for_event("revision_running")

        assert ("r1", "active") == (told["revision"], told["state"])
        assert "waiting for writers before build" == told["progress"]["phase"]
        assert {0} == {told["progress"]["blocks_done"], told["progress"]["blocks_total"]}
        (blocker,) = told["blockers"]
        assert (writer.info.backend_pid, "shop-web", "UPDATE one SET id = 2") == (
            blocker["pid"],
            blocker["application_name"],
            blocker["query"],
        )
        assert 0 < told["running_seconds"] <= later["running_seconds"]
    assert 0 == running.wait().exit_code


def test_a_revision_that_waits_for_nobody_is_told_too(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", 'op.execute("SELECT pg_sleep(3600)")')
    running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

    told = running.wait_for_event("revision_running", waits_for="Timeout: PgSleep")

    assert ("active", None, []) == (told["state"], told["progress"], told["blockers"])
    running.kill()


def test_it_holds_no_lock_and_no_transaction(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", GATE)
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

        for _ in range(5):
            running.wait_for_event("revision_running")
            database.wait_until(
                f"1 {OBSERVERS} AND state = 'idle' AND xact_start IS NULL"
                " AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_stat_activity.pid)"
            )
            assert [(1,)] == database.query(f"SELECT count(*) {OBSERVERS}")
            stuck = f"SELECT count(*) {OBSERVERS} AND state LIKE 'idle in transaction%'"
            assert [(0,)] == database.query(stuck)
    assert 0 == running.wait().exit_code
    database.wait_until(f"1 WHERE NOT EXISTS (SELECT {OBSERVERS})")


def test_a_role_with_one_connection_does_without(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", GATE)
    project.table("r2", "two")
    with database.server.connect(database.name) as admin:
        limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(sql.Identifier(database.owner))
        admin.execute(limit)
        admin.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        told = running.wait_for_event("observer_unavailable")
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    assert ("warning", "too_many_connections") == (told["level"], told["reason"])
    assert 1 == len(result.of("observer_unavailable"))


def test_it_comes_back_when_somebody_ends_it(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", GATE)
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        running.wait_for_event("revision_running")

        database.query(f"SELECT pg_terminate_backend(pid) {OBSERVERS}")

        running.wait_for_event("observer_unavailable")
        running.wait_for_event("revision_running", waits_for="Lock: advisory")
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("session_terminated")


def test_where_it_may_not_look_the_revision_is_applied_nevertheless(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", GATE)
    with database.server.connect(database.name) as admin:
        admin.execute("REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
        admin.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        told = running.wait_for_event("observer_unavailable")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert "permission denied" in told["detail"]
    assert [] == result.of("session_terminated")


def test_a_run_with_nothing_to_do_has_no_observer(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Its only connection is the only one that the role may have."""
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url)
    with database.server.connect(database.name) as admin:
        limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(sql.Identifier(database.owner))
        admin.execute(limit)

    # However slowly it starts, no heartbeat is due.
    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HEARTBEAT="1h")

    assert ["run_started", "database_ready", "run_finished"] == result.names


def test_a_revision_says_how_far_it_is(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    database = any_database
    project.revision(
        "r1",
        "from migration_runner.api import report_progress\n"
        'report_progress(3, 10, unit="files")\n' + GATE,
    )
    project.revision("r2", GATE.replace("99", "98"))
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99), pg_advisory_lock(98)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

        told = running.wait_for_event("revision_running", revision="r1")
        gate.execute("SELECT pg_advisory_unlock(99)")
        later = running.wait_for_event("revision_running", revision="r2")
        gate.execute("SELECT pg_advisory_unlock(98)")

        assert {"done": 3, "total": 10, "unit": "files"} == told["progress"]
        assert later["progress"] is None
        assert 0 == running.wait().exit_code
