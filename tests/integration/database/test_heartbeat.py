"""What a heartbeat says: how far the server is, what it waits for, and who waits behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Running

SETTINGS = {"MIGRATE_HEARTBEAT": "100ms", "MIGRATE_DDL_LOCK_TIMEOUT": "250ms"}
# Waits for the test, which has the lock.
GATE = 'op.execute("SET lock_timeout = 0")\nop.execute("SELECT pg_advisory_xact_lock(99)")\n'
Waits = Callable[[str], None]


@pytest.fixture
def waits(every_database: Database) -> Iterator[Waits]:
    """Return what executes a statement in another role's session, until the test has ended."""
    connections: list[psycopg.Connection[Any]] = []
    threads: list[threading.Thread] = []

    def execute(connection: psycopg.Connection[Any], statement: str) -> None:
        try:
            connection.execute(statement.encode())
        except psycopg.OperationalError:
            return

    def start(statement: str) -> None:
        connection = every_database.server.connect(every_database.name)
        connections.append(connection)
        threads.append(threading.Thread(target=execute, args=(connection, statement), daemon=True))
        threads[-1].start()
        every_database.wait_until(
            f"1 FROM pg_locks WHERE NOT granted AND pid = {connection.info.backend_pid}"
        )

    yield start
    for connection, thread in zip(connections, threads, strict=True):
        connection.cancel()
        thread.join(60)
        assert not thread.is_alive()
        connection.close()


def _told(running: Running, count: int) -> dict[str, Any]:
    """Return what a heartbeat tells of those who wait, once there are so many for some time."""
    while True:
        told = running.wait_for_event("revision_running")["waiting_behind"]
        # Rounded to tenths of a second.
        if told and told["count"] == count and told["longest_seconds"]:
            return dict(told)


def test_who_waits_for_its_lock(
    every_database: Database, project: Project, migrate: Migrate, waits: Waits
) -> None:
    """A plain role may see it, on every version."""
    database = every_database
    database.query("CREATE TABLE one (id int PRIMARY KEY)")
    project.revision("r1", f'op.execute("ALTER TABLE one ADD COLUMN a int")\n{GATE}')
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        assert running.wait_for_event("revision_running")["waiting_behind"] is None
        waits("SELECT FROM one")
        waits("INSERT INTO one VALUES (7)")

        told = _told(running, 2)

        assert 0 < told.pop("longest_seconds")
        assert {"count": 2, "tables": ["one"], "own": False} == told
        gate.execute("SELECT pg_advisory_unlock(99)")
        assert 0 == running.wait().exit_code


def test_who_queues_behind_it(
    every_database: Database, project: Project, migrate: Migrate, waits: Waits
) -> None:
    """It has no lock yet, but who comes later waits for it nevertheless."""
    database = every_database
    database.query("CREATE TABLE one (id int PRIMARY KEY)")
    project.revision(
        "r1", 'op.execute("SET lock_timeout = 0")\nop.execute("ALTER TABLE one ADD COLUMN a int")'
    )
    with database.connect() as reader, reader.transaction():
        reader.execute("SELECT FROM one")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        running.wait_for_event("revision_running", waits_for="Lock: relation")
        waits("SELECT FROM one")

        assert ["one"] == _told(running, 1)["tables"]
    assert 0 == running.wait().exit_code


def test_who_waits_for_a_row(
    every_database: Database, project: Project, migrate: Migrate, waits: Waits
) -> None:
    database = every_database
    database.query("CREATE TABLE one AS SELECT 1 AS id")
    project.revision("r1", f'op.execute("UPDATE one SET id = 2")\n{GATE}')
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        running.wait_for_event("revision_running", waits_for="Lock: advisory")
        waits("UPDATE one SET id = 3")

        assert ["one"] == _told(running, 1)["tables"]
        gate.execute("SELECT pg_advisory_unlock(99)")
        assert 0 == running.wait().exit_code


def test_who_waits_for_another_is_not_told(
    every_database: Database, project: Project, migrate: Migrate, waits: Waits
) -> None:
    """Both have locks on the table, but only one of them is in the way."""
    database = every_database
    database.query("CREATE TABLE one (id int)")
    project.revision("r1", f'op.execute("SELECT FROM one")\n{GATE}')
    with database.connect() as gate, gate.transaction():
        gate.execute("SELECT pg_advisory_xact_lock(99)")
        gate.execute("LOCK TABLE one IN SHARE MODE")
        running = migrate.start(DATABASE_URL=database.url, **SETTINGS)
        running.wait_for_event("revision_running", waits_for="Lock: advisory")
        waits("UPDATE one SET id = 3")
        running.wait_for_event("revision_running")

        assert running.wait_for_event("revision_running")["waiting_behind"] is None
    assert 0 == running.wait().exit_code


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_its_own_connection_waits_for_it(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    """Neither can ever go on, and the server takes it for no deadlock."""
    database.query("CREATE TABLE one (id int)")
    url = database.url.replace("postgresql://", f"postgresql+{driver}://")
    project.revision(
        "r1",
        'op.execute("ALTER TABLE one ADD COLUMN a int")\n'
        f"with sa.create_engine({url!r}).begin() as other:\n"
        '    other.execute(sa.text("UPDATE one SET a = 1"))',
    )
    running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

    told = _told(running, 1)

    assert (True, ["one"]) == (told["own"], told["tables"])
    state = running.wait_for_event("revision_running")
    assert ("idle in transaction", "ALTER TABLE one ADD COLUMN a int") == (
        state["state"],
        state["statement"],
    )
    running.kill()


def test_a_statement_is_told_without_its_data(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", "op.execute(\"SELECT 'secret' \\n FROM pg_sleep(3600)\")")
    running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

    told = running.wait_for_event("revision_running", waits_for="Timeout: PgSleep")

    assert "SELECT '…' FROM pg_sleep(3600)" == told["statement"]
    running.kill()


PROGRESS = {
    "VACUUM one": ("VACUUM", "scanning heap", "blocks_total", "tuples_total"),
    "ANALYZE one": ("ANALYZE", "acquiring sample rows", "blocks_total", "tuples_done"),
    "VACUUM FULL one": ("VACUUM FULL", "rebuilding index", None, "tuples_total"),
    "REINDEX TABLE one": (
        "REINDEX",
        "building index: scanning table",
        "blocks_total",
        "tuples_total",
    ),
    "COPY": ("COPY TO", None, "tuples_done", "blocks_total"),
}


def test_how_far_the_server_is(
    every_database: Database, project: Project, migrate: Migrate
) -> None:
    """Each is made slow, and cancelled once it has been seen."""
    database = every_database
    # A hundred pages, so that VACUUM and ANALYZE take ten seconds each on any machine.
    database.query(
        "CREATE TABLE one WITH (fillfactor = 10) AS SELECT generate_series(1, 2000) AS id"
    )
    database.query(
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'"
    )
    database.query("CREATE INDEX ON one (slow(id))")
    database.query(
        "CREATE OR REPLACE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END'"
    )
    project.revision(
        "r1",
        f"""\
        def execute(statement):
            try:
                if statement != "COPY":
                    op.execute(statement)
                    return
                cursor = op.get_bind().connection.driver_connection.cursor()
                query = "SELECT pg_sleep(0.1) FROM generate_series(1, 36000)"
                with cursor.copy(f"COPY ({{query}}) TO STDOUT") as copy:
                    for _ in copy:
                        pass
            except Exception:
                pass

        with op.get_context().autocommit_block():
            op.execute("SET vacuum_cost_delay = 100")
            op.execute("SET vacuum_cost_limit = 1")
            op.execute("SET vacuum_cost_page_hit = 10000")
            for statement in {list(PROGRESS)}:
                execute(statement)
        """,
    )
    running = migrate.start(DATABASE_URL=database.url, **SETTINGS)

    for command, phase, counts, not_counts in PROGRESS.values():
        while True:
            told = running.wait_for_event("revision_running")["progress"] or {}
            if (told.get("command"), told.get("phase")) == (command, phase):
                break
        if counts is not None:
            while not (running.wait_for_event("revision_running")["progress"] or {})[counts]:
                pass
        assert not told[not_counts]
        database.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'migrate %' AND state = 'active'"
        )
    assert 0 == running.wait().exit_code
