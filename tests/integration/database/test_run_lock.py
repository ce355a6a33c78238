"""One run at a time works on one version table, whatever happens to the others."""

from __future__ import annotations

import socket

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

RUNS = 20
# A revision that stays until somebody inserts a row, without holding a lock on anything.
WAIT_FOR_GATE = """\
import time
with op.get_context().autocommit_block():
    while not op.get_bind().execute(sa.text("SELECT count(*) FROM gate")).scalar():
        time.sleep(0.02)
"""


def _gate(database: Database) -> None:
    database.query("CREATE TABLE gate (open bool)")


def _open_gate(database: Database) -> None:
    database.query("INSERT INTO gate VALUES (true)")


def _advisory_locks(database: Database) -> int:
    ((count,),) = database.query(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return int(count)


def test_of_many_runs_at_once_exactly_one_applies(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for number in range(1, 6):
        project.table(f"r{number}", f"table{number}")

    runs = [migrate.start(DATABASE_URL=database.url) for _ in range(RUNS)]
    results = [run.wait() for run in runs]

    assert [0] * RUNS == [result.exit_code for result in results]
    outcomes = sorted(result.finished["outcome"] for result in results)
    assert ["applied"] + ["up_to_date"] * (RUNS - 1) == outcomes
    (applied,) = (result for result in results if result.finished["applied"])
    assert 5 == len(applied.finished["applied"])
    ((tables,),) = database.query("SELECT count(*) FROM pg_tables WHERE tablename ~ '^table[1-5]$'")
    assert 5 == tables
    assert 0 == _advisory_locks(database)


def test_when_the_run_with_the_lock_is_killed_another_one_goes_on(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _gate(database)
    project.table("r1", "one")
    project.revision("r2", WAIT_FOR_GATE + 'op.execute("CREATE TABLE two (id bigint)")')
    holder = migrate.start(DATABASE_URL=database.url)
    holder.wait_for_event("revision_started", revision="r2")
    runs = [migrate.start(DATABASE_URL=database.url) for _ in range(RUNS - 1)]
    for run in runs:
        run.wait_for_event("run_lock_busy")

    holder.kill()
    _open_gate(database)

    results = [run.wait() for run in runs]
    assert [0] * len(runs) == [result.exit_code for result in results]
    applied = [result.finished["applied"] for result in results if result.finished["applied"]]
    assert [["r2"]] == [[each["revision"] for each in one] for one in applied]
    assert [("two",)] == database.query("SELECT to_regclass('two')::text")


def test_a_killed_runs_statement_does_not_keep_the_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The server notices that the client is gone, and cancels what it left running."""
    _gate(database)
    project.revision(
        "r1",
        """\
        connection = op.get_bind()
        if not connection.execute(sa.text("SELECT count(*) FROM gate")).scalar():
            op.execute("SELECT pg_sleep(3600)")
        """,
    )
    holder = migrate.start(DATABASE_URL=database.url)
    holder.wait_for_event("revision_started")
    follower = migrate.start(DATABASE_URL=database.url)
    follower.wait_for_event("run_lock_busy")
    _open_gate(database)

    holder.kill()

    assert "applied" == follower.wait().finished["outcome"]


def test_a_run_that_waits_leaves_as_soon_as_the_target_is_reached(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It does not wait for the lock itself, which somebody else may hold for longer."""
    project.table("r1", "one")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        waiting.wait_for_event("run_lock_busy")

        migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="8")

        result = waiting.wait()
    assert 0 == result.exit_code, result.stdout
    assert "up_to_date" == result.finished["outcome"]
    assert result.finished["waited_for_run_lock_seconds"] > 0


def test_a_lock_that_stays_busy_is_temporary(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        result = migrate.run(
            DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7", MIGRATE_RUN_LOCK_TIMEOUT="200ms"
        )

    assert 75 == result.exit_code, result.stdout
    assert "run_lock_busy" == result.finished["error"]["reason"]
    assert [(None,)] == database.query("SELECT to_regclass('one')::text")


def test_waiting_runs_do_not_deadlock_with_a_concurrent_index(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """`CREATE INDEX CONCURRENTLY` waits for every snapshot, also for one of a waiting run's."""
    _gate(database)
    project.table("r1", "one")
    project.revision("r2", WAIT_FOR_GATE)
    project.revision(
        "r3",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")
        """,
    )
    holder = migrate.start(DATABASE_URL=database.url)
    holder.wait_for_event("revision_started", revision="r2")
    waiting = [migrate.start(DATABASE_URL=database.url) for _ in range(4)]
    for run in waiting:
        run.wait_for_event("run_lock_busy")

    _open_gate(database)

    assert 0 == holder.wait().exit_code
    assert [0] * 4 == [run.wait().exit_code for run in waiting]


def test_two_version_tables_in_one_database_do_not_block_each_other(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _gate(database)
    project.revision("r1", WAIT_FOR_GATE)
    holder = migrate.start(DATABASE_URL=database.url)
    holder.wait_for_event("revision_started")
    project.write_env(
        ENV_PY.replace("connection=connection,", 'connection=connection, version_table="other",', 1)
    )

    other = migrate.start(DATABASE_URL=database.url)
    other.wait_for_event("revision_started")

    _open_gate(database)
    assert [0, 0] == [run.wait().exit_code for run in (holder, other)]


def test_the_lock_is_given_back_on_every_way_out(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Also when env.py's connection outlives the run, as it does in a pool."""
    project.write_env(ENV_PY + "\nimport builtins\nbuiltins.kept = connection\n")
    project.table("r1", "one")
    project.revision("r2", 'raise ValueError("no")')

    assert 1 == migrate.run(DATABASE_URL=database.url).exit_code
    assert 0 == _advisory_locks(database)
    assert 1 == migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_TIMEOUT="0").exit_code


def test_wait_applies_nothing_and_ends_when_another_run_has(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    waiting.wait_for_event("revisions_pending")

    applied = migrate.start(DATABASE_URL=database.url)

    result = waiting.wait()
    assert 0 == applied.wait().exit_code
    assert 0 == result.exit_code, result.stdout
    assert [] == result.finished["applied"]


def test_wait_gives_up_with_3(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")

    result = migrate.run("wait", DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="2s")

    assert 3 == result.exit_code, result.stdout
    assert [(None,)] == database.query("SELECT to_regclass('one')::text")


def test_who_has_the_lock_is_told(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", 'op.execute("SELECT pg_sleep(3600)")')
    holder = migrate.start(DATABASE_URL=any_database.url)
    run_id = holder.wait_for_event("revision_started")["run_id"]
    asleep = "1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' AND state = 'active'"
    any_database.wait_until(asleep)

    result = migrate.run(DATABASE_URL=any_database.url, MIGRATE_RUN_LOCK_TIMEOUT="0")

    assert 75 == result.exit_code, result.stdout
    told = result.finished["error"]["holder"]
    name = f"migrate {run_id} {socket.gethostname()}"
    assert (name, any_database.owner, "active", "SELECT pg_sleep(3600)") == (
        told["application_name"],
        told["role"],
        told["state"],
        told["query"],
    )
    assert f"pid {told['pid']}, `{name}`" in result.finished["summary"]
    holder.kill()


@pytest.mark.parametrize("key", [-1, 2**63 - 1, -(2**63), 7, -680141688438702208])
def test_the_holder_is_found_by_any_key(
    database: Database, project: Project, migrate: Migrate, key: int
) -> None:
    project.table("r1", "one")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        # The same halves, asked for as two keys: another lock.
        other.execute("SELECT pg_advisory_lock(0, 7)")

        result = migrate.run(
            DATABASE_URL=database.url,
            MIGRATE_RUN_LOCK_TIMEOUT="0",
            MIGRATE_RUN_LOCK_KEY=str(key),
        )

        assert other.info.backend_pid == result.finished["error"]["holder"]["pid"]


def test_a_holder_of_another_role_shows_less(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    with database.server.connect(database.name) as other:
        other.execute("SELECT pg_advisory_lock(7)")

        result = migrate.run(
            DATABASE_URL=database.url, MIGRATE_RUN_LOCK_TIMEOUT="0", MIGRATE_RUN_LOCK_KEY="7"
        )

        told = result.finished["error"]["holder"]
        assert (other.info.backend_pid, "postgres") == (told["pid"], told["role"])
        assert {None} == {told["state"], told["query"], told["connected_seconds"]}


def test_a_holder_that_cannot_be_seen_does_not_end_the_wait(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Some take the right to read `pg_stat_activity` away."""
    project.table("r1", "one")
    with database.server.connect(database.name) as other:
        other.execute("REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        assert None is waiting.wait_for_event("run_lock_busy")["holder"]

    assert "applied" == waiting.wait().finished["outcome"]
