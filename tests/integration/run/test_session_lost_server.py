"""The server itself goes in the middle of a revision: restarted, away for long, failed over."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.faults import HISTORY, Gate, assert_all_applied, lost, recorded
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.runner import Migrate


def _wait_for_replay(database: Database, standby: PostgresServer) -> None:
    """Return when the standby has everything that is committed in the database."""
    with database.server.connect() as primary, standby.connect() as replica:
        position = primary.execute("SELECT pg_current_wal_flush_lsn()").fetchall()[0]
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s"
        while not replica.execute(replayed, position).fetchall()[0][0]:
            pass


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart(own_server: PostgresServer, gate: Gate, migrate: Migrate, mode: str) -> None:
    own_server.start()
    database = create_database(own_server)
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url)
    gate.wait_for_sleeper(database)

    own_server.stop(mode)
    lost(running, committed=["r1"], uncertain=["r2"])
    running.wait_for_event("database_unavailable")
    own_server.start()

    result = running.wait()
    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    assert result.finished["waited_for_database_seconds"] > 0


def test_away_for_longer_than_the_wait_timeout(
    own_server: PostgresServer, gate: Gate, migrate: Migrate
) -> None:
    own_server.start()
    database = create_database(own_server)
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="3s")
    gate.wait_for_sleeper(database)

    own_server.stop("fast")

    result = running.wait()
    assert 75 == result.exit_code, result.stdout
    finished = result.finished
    assert "session_lost" == finished["error"]["reason"]
    assert ["r1"] == [each["revision"] for each in finished["applied"]]
    assert finished["to_revisions"] is None
    assert "did not come back within 3 s" in finished["summary"]
    assert "This run applied 1 revision" in finished["summary"]
    own_server.start()
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert HISTORY == recorded(database)


def test_a_failover(
    own_server: PostgresServer, standby: PostgresServer, gate: Gate, migrate: Migrate
) -> None:
    database = create_database(own_server)
    gate.shut(database)
    running = migrate.start(DATABASE_URL=database.url_at(own_server.port, standby.port))
    gate.wait_for_sleeper(database)
    _wait_for_replay(database, standby)

    own_server.stop()
    lost(running, committed=["r1"], uncertain=["r2"])
    standby.program("pg_ctl", "promote", "-w", "-D", str(standby.folder))

    promoted = Database(standby, database.name, database.owner)
    assert_all_applied(running.wait(), promoted)
    assert HISTORY == recorded(promoted)


def test_a_failover_that_loses_what_was_committed(
    own_server: PostgresServer, standby: PostgresServer, gate: Gate, migrate: Migrate
) -> None:
    """Replication is asynchronous: only what the new primary says counts."""
    database = create_database(own_server)
    gate.shut(database)
    database.query("UPDATE gate SET pid = 0")
    _wait_for_replay(database, standby)
    with standby.connect() as admin:
        admin.execute("ALTER SYSTEM SET primary_conninfo = ''")
        admin.execute("SELECT pg_reload_conf()")
        while admin.execute("SELECT FROM pg_stat_wal_receiver").fetchall():
            pass
    database.query("UPDATE gate SET pid = NULL")
    running = migrate.start(DATABASE_URL=database.url_at(own_server.port, standby.port))
    gate.wait_for_sleeper(database)

    own_server.stop()
    lost(running, committed=["r1"], uncertain=["r2"])
    standby.program("pg_ctl", "promote", "-w", "-D", str(standby.folder))

    promoted = Database(standby, database.name, database.owner)
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert HISTORY == recorded(promoted)
    assert HISTORY == [each["revision"] for each in result.finished["applied"]]
    again = [event["revision"] for event in result.of("revision_applied")]
    assert ["r1", *HISTORY] == again
