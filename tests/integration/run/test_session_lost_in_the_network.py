"""The network swallows everything: both kernels notice, each on its own.

The observer is told to look so seldom that it is not the one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.faults import HISTORY, Gate, assert_all_applied, lost, recorded
from tests.fixtures.network import Network
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Running

NO_OBSERVER = {"MIGRATE_CONNECT_TIMEOUT": "60s"}


@pytest.fixture
def far_database(own_server: PostgresServer, network: Network, gate: Gate) -> Database:
    with (own_server.folder / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {network.address}/30 scram-sha-256\n")
    own_server.start(listen_addresses=f"127.0.0.1,{network.address}")
    database = create_database(own_server)
    gate.shut(database)
    return database


@pytest.fixture
def far_run(
    far_database: Database, network: Network, project: Project, migrate: Migrate
) -> Iterator[Running]:
    url = far_database.url.replace("@127.0.0.1:", f"@{network.address}:")
    running = Running(
        [*network.far_end, sys.executable, "-m", "migration_runner"],
        project.folder,
        {**migrate.environment, "DATABASE_URL": url, **NO_OBSERVER},
    )
    yield running
    if running.process.poll() is None:
        running.kill()
    running.close()


def test_the_run_goes_on_when_the_network_is_there_again(
    far_database: Database, network: Network, gate: Gate, far_run: Running
) -> None:
    gate.wait_for_sleeper(far_database)

    network.swallow()

    event = lost(far_run, committed=["r1"], uncertain=["r2"])
    assert "timed out" in event["detail"]
    network.mend()
    result = far_run.wait()
    assert_all_applied(result, far_database)
    assert HISTORY == recorded(far_database)
    assert not result.of("session_terminated")


def test_the_server_gives_the_run_lock_back_by_itself(
    far_database: Database, network: Network, gate: Gate, far_run: Running, migrate: Migrate
) -> None:
    """Another run, from elsewhere, waits for no more than that."""
    gate.wait_for_sleeper(far_database)

    network.swallow()

    elsewhere = migrate.start(DATABASE_URL=far_database.url)
    elsewhere.wait_for_event("run_lock_busy")
    result = elsewhere.wait()
    assert 0 == result.exit_code, result.stdout
    assert ["r2", "r3"] == [each["revision"] for each in result.finished["applied"]]
    assert HISTORY == recorded(far_database)
    network.mend()
    late = far_run.wait()
    assert 0 == late.exit_code, late.stdout
    assert ["r1"] == [each["revision"] for each in late.finished["applied"]]
    assert HISTORY == recorded(far_database)
