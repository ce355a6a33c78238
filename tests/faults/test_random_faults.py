"""Something breaks at any moment of the shop's history: nothing is lost, nothing done twice."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.disturbance import Disturbance
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Running
from tests.fixtures.shop import Faults, Shop

MOST_FAULTS_A_ROUND = 3
# A run makes up for this many by itself.
KILLED = {-signal.SIGKILL, 0}
INTERRUPTED = {128 + signal.SIGTERM, 0}
WELL = {0}
# So that a silent network is noticed in a few seconds: the observer looks five times as often.
IMPATIENT = {"MIGRATE_CONNECT_TIMEOUT": "1s", "MIGRATE_DDL_LOCK_TIMEOUT": "1s"}


Disturb = Callable[[str], Disturbance]


@pytest.fixture
def disturbance(shop: Shop, proxy: Proxy, faults: Faults) -> Disturb:
    """Return a function of a kind of fault."""
    return lambda kind: Disturbance(shop, proxy, faults, kind)


def test_sigkill(disturbance: Disturb) -> None:
    disturbance("kill").rounds(
        lambda _, run: run.signal(signal.SIGKILL), KILLED, most=MOST_FAULTS_A_ROUND
    )


def test_sigterm(disturbance: Disturb) -> None:
    disturbance("term").rounds(
        lambda _, run: run.signal(signal.SIGTERM), INTERRUPTED, most=MOST_FAULTS_A_ROUND
    )


def test_terminated_backends(disturbance: Disturb) -> None:
    def terminate(database: Database, _: Running) -> None:
        with database.server.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name LIKE 'migrate %%'",
                [database.name],
            )

    disturbance("terminate").rounds(terminate, WELL)


def test_connections_that_are_reset(disturbance: Disturb, proxy: Proxy) -> None:
    disturbance("reset").rounds(lambda *_: proxy.cut(), WELL)


def test_connections_that_go_silent(disturbance: Disturb, proxy: Proxy) -> None:
    disturbance("silence").rounds(lambda *_: proxy.freeze(), WELL, words=IMPATIENT)


@pytest.fixture
def restarted(
    own_shop: Shop, own_server: PostgresServer, proxy: Proxy, faults: Faults
) -> tuple[Disturbance, PostgresServer]:
    return Disturbance(own_shop, proxy, faults, "restart"), own_server


def test_an_immediate_restart_of_the_server(
    restarted: tuple[Disturbance, PostgresServer],
) -> None:
    disturbance, server = restarted

    def restart(*_: object) -> None:
        server.stop("immediate")
        server.start()

    disturbance.rounds(restart, WELL)
