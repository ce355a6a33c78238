"""Every fault, with every kind of env.py, with both kinds of transactions: nothing is lost.

The revisions are ordinary ones, one that commits in between, and one that builds an index
concurrently. All of them can be repeated where they commit themselves.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.disturbance import Disturbance
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.postgres import PostgresServer, ServerFactory
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate, Running
from tests.fixtures.shop import Clones, Faults, cloned

TRANSACTIONS: Final = {"each": "transaction_per_migration=True", "all": ""}
BATCHES: Final = """\
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE one ADD COLUMN IF NOT EXISTS m bigint")
    for first in range(0, 500, 100):
        op.execute(f"UPDATE one SET m = 2 * n WHERE n > {first} AND n <= {first + 100}")
    op.execute("ALTER TABLE one ALTER COLUMN m SET NOT NULL")
"""
CONCURRENTLY: Final = """\
with op.get_context().autocommit_block():
    op.execute("DROP INDEX CONCURRENTLY IF EXISTS one_m")
    op.execute("CREATE INDEX CONCURRENTLY one_m ON one (m)")
"""
# A run makes up for this many by itself.
INTERRUPTED: Final = {128 + signal.SIGTERM, 0}
WELL: Final = {0}
IMPATIENT: Final = {"MIGRATE_CONNECT_TIMEOUT": "1s", "MIGRATE_DDL_LOCK_TIMEOUT": "1s"}
# There are so many combinations.
A_PART: Final = 20


@dataclass(frozen=True)
class Combination:
    """A kind of env.py, and its transactions."""

    kind: str
    transactions: str

    def __str__(self) -> str:
        """Return its name in a test's."""
        return f"{self.kind}-{self.transactions}"


@pytest.fixture(
    params=[Combination(kind, mode) for kind in ENV_SOURCES for mode in TRANSACTIONS], ids=str
)
def combination(request: pytest.FixtureRequest, project: Project) -> Combination:
    """Return one, with its project."""
    found: Combination = request.param
    options = TRANSACTIONS[found.transactions]
    project.write_env(ENV_SOURCES[found.kind].format(options=options))
    project.revision(
        "r1",
        'op.execute("CREATE TABLE one (n bigint)")\n'
        'op.execute("INSERT INTO one SELECT generate_series(1, 500)")',
    )
    project.revision("r2", BATCHES)
    project.revision("r3", 'op.execute("CREATE TABLE two AS SELECT n, m FROM one")')
    project.revision("r4", CONCURRENTLY)
    project.revision(
        "r5",
        'op.execute("ALTER TABLE two ADD COLUMN s bigint")\nop.execute("UPDATE two SET s = m")',
    )
    return found


class _Replicated(Clones):
    """Clones that a standby has, too."""

    def __init__(self, template: Database, migrate: Migrate, standby: PostgresServer) -> None:
        super().__init__(template, migrate)
        self._standby = standby

    def clone(self) -> Database:
        clone = super().clone()
        with self.server.connect() as primary, self._standby.connect() as standby:
            (position,) = primary.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
            behind = "SELECT pg_last_wal_replay_lsn() < %s"
            while standby.execute(behind, [position]).fetchone() != (False,):
                pass
        return clone

    def fail_over(self) -> None:
        """Crash the server, and promote its standby, where the clones are then."""
        self.server.stop("immediate")
        with self._standby.connect() as connection:
            connection.execute("SELECT pg_promote()")
        self.server = self._standby


@pytest.fixture
def clones(shared_server: ServerFactory, migrate: Migrate) -> Iterator[Clones]:
    """Return empty databases on PostgreSQL 18."""
    yield from cloned(Clones, shared_server(18), migrate)


@pytest.fixture
def disturb(
    clones: Clones, proxy: Proxy, faults: Faults, combination: Combination
) -> Callable[[str], Disturbance]:
    """Return a function of a kind of fault."""
    return lambda kind: Disturbance(clones, proxy, faults.part(A_PART), f"{kind} {combination}")


def test_sigterm(clones: Clones, proxy: Proxy, faults: Faults, combination: Combination) -> None:
    """A signal ends the run as such, or comes too late."""
    half = faults.part(len(TRANSACTIONS))
    disturbance = Disturbance(clones, proxy, half, f"term {combination}")

    disturbance.rounds(lambda _, run: run.signal(signal.SIGTERM), INTERRUPTED)


def test_terminated_backends(disturb: Callable[[str], Disturbance]) -> None:
    def terminate(database: Database, _: Running) -> None:
        with database.server.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database.name],
            )

    disturb("terminate").rounds(terminate, WELL)


def test_connections_that_go_silent(disturb: Callable[[str], Disturbance], proxy: Proxy) -> None:
    disturb("silence").rounds(lambda *_: proxy.freeze(), WELL, words=IMPATIENT)


def test_a_crash_of_the_server(
    own_server: PostgresServer,
    migrate: Migrate,
    proxy: Proxy,
    faults: Faults,
    combination: Combination,
) -> None:
    own_server.start()

    def crash(*_: object) -> None:
        own_server.stop("immediate")
        own_server.start()

    for clones in cloned(Clones, own_server, migrate):
        part = faults.part(A_PART)
        Disturbance(clones, proxy, part, f"crash {combination}").rounds(crash, WELL)


@pytest.fixture
def replicated(
    own_server: PostgresServer, standby: PostgresServer, migrate: Migrate
) -> _Replicated:
    """Return empty databases on a server that has a standby."""
    return _Replicated(create_database(own_server), migrate, standby)


def test_a_failover(
    replicated: _Replicated, proxy: Proxy, faults: Faults, combination: Combination
) -> None:
    """Commits can be lost with it: they are made again."""

    def fail_over(*_: object) -> None:
        replicated.fail_over()
        proxy.upstream_port = replicated.server.port
        proxy.cut()

    one = dataclasses.replace(faults, rounds=1)
    Disturbance(replicated, proxy, one, f"failover {combination}").rounds(fail_over, WELL)
