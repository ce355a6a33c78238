"""Many runs at the same moment on one database, some of them killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading

from tests.fixtures.databases import Database, create_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.runner import Migrate, Running
from tests.fixtures.shop import HEAD, REVISIONS, SHOP_CONFIG, Faults

# The hundred with `make faults`; as many as a CI machine starts in a moment otherwise.
RUNS = 100 if os.environ.get("FAULTS") else 24
# Lower than the herd: most find no connection at first.
FEW_CONNECTIONS = "12"
OUT_OF_ORDER = """
    SELECT revision FROM (
        SELECT revision, parents, lag(revision) OVER (ORDER BY sequence) AS before
        FROM migration_runner.ledger
    ) AS row WHERE parents[1] IS DISTINCT FROM before
"""
MOMENTS = (
    "run_started",
    "database_ready",
    "run_lock_busy",
    "run_lock_acquired",
    "revision_started",
    "revision_applied",
)


def _kill_at(running: Running, moment: str) -> None:
    # One that never comes so far has gone its way unharmed.
    with contextlib.suppress(AssertionError):
        running.wait_for_event(moment)
        running.signal(signal.SIGKILL)


def _herd(database: Database, migrate: Migrate, chance: random.Random) -> None:
    migrate.environment |= {
        **SHOP_CONFIG,
        "DATABASE_URL": database.url,
        "MIGRATE_WAIT_TIMEOUT": "10m",
    }
    runs = [migrate.start() for _ in range(RUNS)]
    victims = chance.sample(runs, RUNS // 5)
    killers = [
        threading.Thread(target=_kill_at, args=(run, chance.choice(MOMENTS)), daemon=True)
        for run in victims
    ]
    for killer in killers:
        killer.start()

    results = [run.wait() for run in runs]

    for killer in killers:
        killer.join(60)
    for run, result in zip(runs, results, strict=True):
        ends = {0, -signal.SIGKILL} if run in victims else {0}
        assert result.exit_code in ends, result.stdout + result.stderr
    # Where every run that had the lock was killed, nobody was left to go on: the next one is.
    assert 0 == migrate.run().exit_code
    recorded = database.query("SELECT revision FROM migration_runner.ledger ORDER BY sequence")
    assert REVISIONS == len(recorded) == len(set(recorded))
    assert (HEAD,) == recorded[-1]
    assert [] == database.query(OUT_OF_ORDER)
    told = [
        each["revision"]
        for result in results
        if result.exit_code == 0
        for each in result.finished["applied"]
    ]
    assert len(told) == len(set(told))


def test_a_herd(database: Database, migrate: Migrate, faults: Faults) -> None:
    _herd(database, migrate, faults.chance("herd"))


def test_a_herd_with_few_connections(
    own_server: PostgresServer, migrate: Migrate, faults: Faults
) -> None:
    own_server.start(max_connections=FEW_CONNECTIONS)

    _herd(create_database(own_server), migrate, faults.chance("few connections"))
