"""A proxy keeps connections open and lets nothing through: only the observer can notice that.

The kernel is content with such a connection: its keepalives are answered.
"""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.faults import (
    HISTORY,
    Gate,
    assert_all_applied,
    in_commit_of,
    lost,
    recorded,
    terminate,
)
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate, Running

# How long an answer may take, and five times how often the observer looks.
IMPATIENT = {"MIGRATE_CONNECT_TIMEOUT": "1s", "MIGRATE_DDL_LOCK_TIMEOUT": "1s"}
# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
TERMINATE = b"X"
BACKEND = "FROM pg_stat_activity WHERE pid = "
NO_SESSION = (
    "1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'migrate %')"
)


@pytest.fixture(autouse=True)
def _shut(database: Database, gate: Gate, proxy: Proxy) -> None:
    gate.shut(database)
    proxy.upstream_port = database.server.port


def _start(migrate: Migrate, database: Database, proxy: Proxy, **variables: str) -> Running:
    return migrate.start(DATABASE_URL=database.url_at(proxy.port), **IMPATIENT, **variables)


def test_the_answer_gets_lost(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    """The backend, idle in its transaction, has the run lock still: the next pass ends it."""
    running = _start(migrate, database, proxy)
    pid = gate.wait_for_sleeper(database)
    proxy.freeze()
    gate.wake(database)

    event = running.wait_for_event("session_terminated", revision="r2")
    assert "a statement or its result was lost in the network" == event["reason"]
    lost(running, committed=["r1"], uncertain=["r2"])
    result = running.wait()
    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    assert not result.of("run_lock_busy")
    assert [] == database.query(f"SELECT {BACKEND} {pid}")


def test_the_backend_is_gone(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    """Only of a backend that the observer has seen can it say that it is gone."""
    running = _start(migrate, database, proxy, MIGRATE_HEARTBEAT="1s")
    pid = gate.wait_for_sleeper(database)
    running.wait_for_event("revision_running", revision="r2")
    proxy.freeze()
    terminate(database, pid)

    event = running.wait_for_event("session_terminated", revision="r2")
    assert "its backend has ended" == event["reason"]
    assert_all_applied(running.wait(), database)
    assert HISTORY == recorded(database)


def test_the_backend_is_gone_before_the_observer_has_seen_it(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    """In asyncpg, `close()` waits for the server to close, however long that takes."""
    project.write_env(ENV_SOURCES["async"].format(options="transaction_per_migration=True"))
    database.query("DROP TABLE gate")
    database.query("CREATE TABLE gate (pid int)")

    def tap(message: Message) -> None:
        if message.sender == "client" and message.kind == TERMINATE:
            proxy.tap = None
            proxy.freeze()
            with database.server.connect(database.name) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE"
                    " datname = current_database() AND pid <> pg_backend_pid()"
                )

    proxy.tap = tap
    running = _start(migrate, database, proxy)

    event = running.wait_for_event("session_terminated")
    assert "its backend has ended" == event["reason"]
    assert_all_applied(running.wait(), database)


def test_nothing_gets_through_for_a_while(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    running = _start(migrate, database, proxy)
    pid = gate.wait_for_sleeper(database)
    proxy.mode = "black_hole"
    proxy.freeze()

    event = running.wait_for_event("session_terminated", revision="r2")
    assert "no answer from the server" == event["reason"]
    lost(running, committed=["r1"], uncertain=["r2"])
    running.wait_for_event("database_unavailable", reason="timeout")
    proxy.mode = "forward"
    assert_all_applied(running.wait(), database)
    assert HISTORY == recorded(database)
    assert [] == database.query(f"SELECT {BACKEND} {pid}")


def test_nothing_gets_through_any_more(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    running = _start(migrate, database, proxy, MIGRATE_WAIT_TIMEOUT="3s")
    pid = gate.wait_for_sleeper(database)
    proxy.mode = "black_hole"
    proxy.freeze()

    result = running.wait()

    assert 75 == result.exit_code, result.stdout
    assert "session_lost" == result.finished["error"]["reason"]
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert result.finished["to_revisions"] is None
    terminate(database, pid)
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert HISTORY == recorded(database)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_in_a_commit(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy, *, kept: bool
) -> None:
    """No revision runs, so nobody looks before the answer is late."""
    gate.wake(database)
    in_commit_of(proxy, "two", proxy.freeze, kept=kept)

    result = _start(migrate, database, proxy).wait()

    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    assert 1 == len(result.of("session_terminated"))


@pytest.mark.parametrize(
    "statement",
    [
        "pg_catalog.version()",
        "current_setting('server_version')",
        "set_config('application_name'",
        "pg_try_advisory_lock",
        "INSERT INTO migration_runner.ledger",
        "pg_advisory_unlock",
    ],
    ids=["login", "first", "settings", "lock", "ledger", "unlock"],
)
def test_at_any_other_statement_of_a_run(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy, statement: str
) -> None:
    """The server has done it and keeps the session: a transaction that others wait for, maybe."""
    gate.wake(database)
    seen: list[str] = []

    def tap(message: Message) -> None:
        if not seen and statement in message.statement:
            seen.append("statement")
        elif seen == ["statement"] and message.sender == "server":
            seen.append("answer")
            proxy.freeze()

    proxy.tap = tap

    result = _start(migrate, database, proxy).wait()

    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    assert 1 == len(result.of("session_terminated"))
    if statement != "pg_advisory_unlock":
        # With that, the session that broke was the last one.
        database.wait_until(NO_SESSION)


def test_a_slow_statement_is_no_silence(
    database: Database, gate: Gate, migrate: Migrate, proxy: Proxy
) -> None:
    """The heartbeats show that the observer looks, and more often than it takes to cut."""
    running = _start(migrate, database, proxy, MIGRATE_HEARTBEAT="1s")
    gate.wait_for_sleeper(database)
    for _ in range(5):
        event = running.wait_for_event("revision_running", revision="r2")
        assert "active" == event["state"]
    gate.wake(database)

    result = running.wait()

    assert_all_applied(result, database)
    assert not result.of("session_terminated")
