"""The work session ends, and the server is there: the run goes on over a new one."""

from __future__ import annotations

import re

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.faults import HISTORY, Gate, assert_all_applied, lost, recorded, terminate
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

WORKER = (
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'migrate %'"
)

VERSION_WRITTEN = r'(UPDATE|DELETE FROM|INSERT INTO) ("public"\.)?"?alembic_version'


def _tell_of_commit(proxy: Proxy, database: Database, table: str) -> None:
    """End the session when the commit of `table` is answered: between two revisions."""
    seen: set[str] = set()

    def tap(message: Message) -> None:
        if f"CREATE TABLE {table}" in message.statement:
            seen.add("table")
        elif "table" in seen and "COMMIT" in message.statement:
            seen.add("commit")
        elif "commit" in seen and message.sender == "server":
            proxy.tap = None
            terminate(database, int(database.query(f"SELECT pid {WORKER}")[0][0]))

    proxy.tap = tap


def test_in_the_middle_of_a_revision(
    every_database: Database, gate: Gate, migrate: Migrate
) -> None:
    gate.shut(every_database)
    running = migrate.start(DATABASE_URL=every_database.url)
    pid = gate.wait_for_sleeper(every_database)

    terminate(every_database, pid)

    event = lost(running, committed=["r1"], uncertain=["r2"])
    assert (1, True) == (event["losses"], 0 < event["remaining_seconds"] <= 60)
    assert "terminating connection" in event["detail"]
    result = running.wait()
    assert_all_applied(result, every_database)
    assert HISTORY == recorded(every_database)
    assert 1 == len(result.of("session_lost"))
    assert 2 == len(result.of("run_lock_acquired"))


def test_while_it_waits_for_the_run_lock(database: Database, gate: Gate, migrate: Migrate) -> None:
    gate.shut(database)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        running.wait_for_event("run_lock_busy")
        terminate(database, int(database.query(f"SELECT pid {WORKER}")[0][0]))
        lost(running, committed=[], uncertain=[])
        running.wait_for_event("run_lock_busy")
    gate.wait_for_sleeper(database)
    gate.wake(database)

    assert_all_applied(running.wait(), database)


def test_between_two_revisions(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    gate.shut(database)
    gate.wake(database)
    proxy.upstream_port = database.server.port
    _tell_of_commit(proxy, database, "one")

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    (event,) = result.of("session_lost")
    # The next one is where it is noticed.
    assert (["r1"], ["r2"]) == (event["committed"], event["uncertain"])


def test_two_losses_in_a_row_are_made_good(
    database: Database, gate: Gate, migrate: Migrate
) -> None:
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)
    for loss in (1, 2):
        pid = gate.wait_for_sleeper(database)
        if loss == 1:
            database.query("UPDATE gate SET pid = NULL")
        terminate(database, pid)
        assert loss == lost(running, committed=["r1"], uncertain=["r2"])["losses"]

    assert_all_applied(running.wait(), database)


def test_a_revision_that_ends_its_session_every_time_is_given_up(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code, result.stdout
    assert "session_lost" == result.finished["error"]["reason"]
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert ["r1"] == result.finished["to_revisions"] == recorded(database)
    assert [1, 2, 3] == [event["losses"] for event in result.of("session_lost")]
    assert (
        "The session was lost 3 times without progress (revision r2)"
        in (result.finished["summary"])
    )


@pytest.mark.parametrize("verb", [("downgrade", "base", "--yes"), ("stamp", "r3")])
def test_other_commands_go_on_too(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy, verb: tuple[str, ...]
) -> None:
    gate.shut(database)
    gate.wake(database)
    migrate.run("upgrade", "r2", DATABASE_URL=database.url)
    proxy.upstream_port = database.server.port

    def tap(message: Message) -> None:
        if re.search(VERSION_WRITTEN, message.statement):
            proxy.tap = None
            proxy.cut()

    proxy.tap = tap

    result = migrate.run(*verb, DATABASE_URL=database.url_at(proxy.port))

    assert 0 == result.exit_code, result.stdout
    assert 1 == len(result.of("session_lost"))
    done = {"downgrade": ("undone", ["r2", "r1"], []), "stamp": ("stamped", ["r3"], ["r3"])}
    name, revisions, heads = done[verb[0]]
    assert revisions == [each["revision"] for each in result.finished[name]]
    assert heads == result.finished["to_revisions"]
    assert revisions == [
        revision
        for (revision,) in database.query(
            f"SELECT revision FROM migration_runner.ledger WHERE direction = '{verb[0]}'"
            " ORDER BY sequence"
        )
    ]
