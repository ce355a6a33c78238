"""A table that somebody uses: the revision is rolled back, waits, and is tried again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

SECRET = "pa55word"
# Long enough for the observer to look, whatever else the machine does.
LOCK_TIMEOUT = "1s"
LEDGER = "SELECT revision FROM migration_runner.ledger ORDER BY sequence"
ADVISORY_LOCKS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def shop(database: Database, project: Project) -> Database:
    """Return a database with a table `one`, which `r2` of the project changes."""
    database.query("CREATE TABLE one (id bigint)")
    project.table("r1", "zero")
    project.revision("r2", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    project.table("r3", "three")
    return database


@pytest.fixture
def holder(shop: Database) -> Iterator[psycopg.Connection[Any]]:
    """Return an application's session that has read `one`, its transaction still open."""
    with shop.connect() as connection:
        connection.execute("SET application_name = 'shop-web'")
        connection.execute("BEGIN")
        connection.execute(f"SELECT id, '{SECRET}' FROM one".encode())
        yield connection


def test_who_is_in_the_way_is_told_and_once_it_lets_go_the_run_goes_on(
    shop: Database, holder: psycopg.Connection[Any], migrate: Migrate
) -> None:
    running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=LOCK_TIMEOUT)

    retried = running.wait_for_event("revision_retried")
    holder.execute("COMMIT")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert {
        "revision": "r2",
        "attempt": 1,
        "reason": "ddl_lock_timeout",
        "sqlstate": "55P03",
        "detail": "canceling statement due to lock timeout",
    }.items() <= retried.items()
    (blocker,) = retried["blockers"]
    assert {
        "pid": holder.info.backend_pid,
        "application_name": "shop-web",
        "role": shop.owner,
        "client": "127.0.0.1",
        "state": "idle in transaction",
        "query": "SELECT id, '…' FROM one",
    }.items() <= blocker.items()
    assert blocker["transaction_seconds"] > 0
    assert 0 < retried["pause_seconds"] <= 1 < retried["remaining_seconds"] <= 600
    assert SECRET not in result.stdout + result.stderr
    # What is tried again has not failed.
    assert "revision_failed" not in result.names
    assert ["r1", "r2", "r3"] == [each["revision"] for each in result.finished["applied"]]
    assert [] == result.finished["from_revisions"]
    assert [("r1",), ("r2",), ("r3",)] == shop.query(LEDGER)
    assert [(0,)] == shop.query(ADVISORY_LOCKS)


@pytest.mark.usefixtures("holder")
def test_when_the_time_is_up_it_ends_and_says_who_was_in_the_way(
    shop: Database, holder: psycopg.Connection[Any], migrate: Migrate
) -> None:
    result = migrate.run(
        DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=LOCK_TIMEOUT, MIGRATE_DDL_RETRY_TIMEOUT="1s"
    )

    assert 75 == result.exit_code, result.stdout
    finished = result.finished
    error, attempts = finished["error"], len(result.of("revision_retried")) + 1
    assert attempts > 1
    assert {
        "kind": "TemporaryFailure",
        "reason": "ddl_lock_timeout",
        "sqlstate": "55P03",
        "revision": "r2",
        "attempts": attempts,
        "kept": False,
        "statement": "ALTER TABLE one ADD COLUMN name text",
    }.items() <= error.items()
    pid = holder.info.backend_pid
    assert [pid] == [blocker["pid"] for blocker in error["blockers"]]
    summary = finished["summary"]
    assert f"Blocked by: pid {pid}, `shop-web`, role {shop.owner}, from 127.0.0.1" in summary
    assert "query: SELECT id, '…' FROM one." in summary
    assert f"Tried {attempts} times." in summary
    assert "It was rolled back." in summary
    assert SECRET not in result.stdout + result.stderr
    assert 1 == len(result.of("revision_failed"))
    assert [("r1",)] == shop.query(LEDGER)
    assert [(0,)] == shop.query(ADVISORY_LOCKS)


def test_what_another_role_does_is_hidden_but_not_who_it_is(
    shop: Database, migrate: Migrate
) -> None:
    with shop.server.connect(shop.name) as holder, holder.transaction():
        holder.execute("SELECT * FROM one")
        pid = holder.info.backend_pid
        running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=LOCK_TIMEOUT)
        retried = running.wait_for_event("revision_retried")

    assert 0 == running.wait().exit_code
    (blocker,) = retried["blockers"]
    assert {
        "pid": pid,
        "application_name": "",
        "role": "postgres",
        "client": None,
        "state": None,
        "transaction_seconds": None,
        "query": None,
    } == blocker


def test_everybody_who_is_in_the_way_is_told(
    shop: Database, holder: psycopg.Connection[Any], migrate: Migrate
) -> None:
    with shop.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM one")
        pids = {holder.info.backend_pid, other.info.backend_pid}
        running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=LOCK_TIMEOUT)
        retried = running.wait_for_event("revision_retried")
    holder.execute("COMMIT")

    assert 0 == running.wait().exit_code
    assert pids == {blocker["pid"] for blocker in retried["blockers"]}


def test_during_the_pause_the_run_lock_is_kept_and_nothing_else(
    shop: Database, holder: psycopg.Connection[Any], migrate: Migrate
) -> None:
    variables = {"DATABASE_URL": shop.url, "MIGRATE_DDL_LOCK_TIMEOUT": "200ms"}
    first = migrate.start(**variables)
    # By then it pauses for a second at least, in which it is stopped; so that the pause lasts as
    # long as the other run needs to start.
    run_id = first.wait_for_event("revision_retried", attempt=3)["run_id"]
    first.signal(signal.SIGSTOP)

    other = migrate.start(**variables)
    busy = other.wait_for_event("run_lock_busy")

    assert busy["holder"]["application_name"].startswith(f"migrate {run_id} ")
    assert "idle" == busy["holder"]["state"]
    held = f"SELECT count(*) FROM pg_locks WHERE pid = {busy['holder']['pid']}"
    assert [(0,)] == shop.query(f"{held} AND locktype <> 'advisory'")
    holder.execute("COMMIT")
    first.signal(signal.SIGCONT)
    assert [0, 0] == [run.wait().exit_code for run in (first, other)]
    assert [("r1",), ("r2",), ("r3",)] == shop.query(LEDGER)


@pytest.mark.usefixtures("holder")
def test_a_signal_ends_the_pause(shop: Database, migrate: Migrate) -> None:
    running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT="200ms")
    running.wait_for_event("revision_retried")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert 143 == result.exit_code, result.stdout + result.stderr
    # The process would not have waited for longer than its grace.
    assert "may still be rolling back" not in result.finished["summary"]
    assert ["r1"] == result.finished["to_revisions"]
    assert "" == result.stderr
    assert [("r1",)] == shop.query(LEDGER)
    assert [(0,)] == shop.query(ADVISORY_LOCKS)


@pytest.mark.usefixtures("holder")
def test_a_revision_that_has_committed_something_is_not_tried_again(
    shop: Database, project: Project, migrate: Migrate
) -> None:
    (project.versions / "r2.py").unlink()
    (project.versions / "r3.py").unlink()
    project.revision(
        "r2",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE two (id bigint)")
        op.execute("ALTER TABLE one ADD COLUMN name text")
        """,
        down="r1",
    )

    result = migrate.run(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT="200ms")

    assert 75 == result.exit_code, result.stdout
    assert [] == result.of("revision_retried")
    assert result.finished["error"]["kept"]
    assert "Its changes up to its last commit" in result.finished["summary"]
    assert [("two",)] == shop.query("SELECT to_regclass('two')::text")
    assert [("r1",)] == shop.query(LEDGER)
