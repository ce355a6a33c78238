"""Something breaks at any moment of the shop's history: nothing is lost, nothing done twice."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Result, Running
from tests.fixtures.shop import HEAD, REVISIONS, Faults, Shop

MOST_FAULTS_A_ROUND = 3
HALF = 0.5
# A run makes up for this many by itself.
KILLED = {-signal.SIGKILL, 0}
INTERRUPTED = {128 + signal.SIGTERM, 0}
WELL = {0}
# So that a silent network is noticed in a few seconds: the observer looks five times as often.
IMPATIENT = {"MIGRATE_CONNECT_TIMEOUT": "1s", "MIGRATE_DDL_LOCK_TIMEOUT": "1s"}


@dataclass(frozen=True)
class Moment:
    """The nth message between a run and its server: before it arrives, or `meanwhile`."""

    message: int
    meanwhile: bool


NEVER = Moment(0, meanwhile=False)


class Trigger:
    """Does something once, at a moment."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._lock = threading.Lock()
        self._meanwhile: list[threading.Thread] = []
        self.count = 0

    def arm(self, moment: Moment, fault: Callable[[], None]) -> None:
        """Do `fault` at a moment of the run that comes."""
        self.count = 0

        def tap(_message: Message) -> None:
            with self._lock:
                self.count += 1
                due = self.count == moment.message
            if due and moment.meanwhile:
                self._meanwhile.append(threading.Thread(target=fault))
                self._meanwhile[-1].start()
            elif due:
                fault()

        self._proxy.tap = tap

    def disarm(self) -> None:
        """Let everything through, once what was begun is done."""
        self._proxy.tap = None
        while self._meanwhile:
            self._meanwhile.pop().join()


class Disturbance:
    """Rounds of one kind of fault, each on a clone of the shop."""

    def __init__(self, shop: Shop, proxy: Proxy, faults: Faults, kind: str) -> None:
        self._shop = shop
        self._proxy = proxy
        self._faults = faults
        self._chance = faults.chance(kind)
        self._trigger = Trigger(proxy)
        undisturbed = shop.clone()
        proxy.upstream_port = undisturbed.server.port
        self._trigger.arm(NEVER, lambda: None)
        running = shop.start(undisturbed, port=proxy.port)
        assert 0 == running.wait().exit_code
        self._messages = self._trigger.count
        self._expected = shop.dump(undisturbed)
        self._recorded = shop.recorded(undisturbed)
        assert (REVISIONS, HEAD) == (len(set(self._recorded)), self._recorded[-1])

    def rounds(
        self,
        fault: Callable[[Database, Running], None],
        accepted: set[int],
        *,
        most: int = 1,
        words: dict[str, str] | None = None,
    ) -> None:
        """Disturb `most` runs at the most in each round, then compare with the undisturbed one."""
        for number in range(self._faults.rounds):
            database = self._shop.clone()
            moments = []
            for _ in range(self._chance.randint(1, most)):
                message = self._chance.randint(1, self._messages)
                moments.append(Moment(message, meanwhile=self._chance.random() < HALF))
                result = self._disturb(database, fault, moments[-1], words or {})
                told = f"{self._faults} round {number} at {moments}\n{result.stdout}"
                assert result.exit_code in accepted, told + result.stderr
                if result.exit_code >= 0:
                    self._assert_true(database, result, told)
            if result.exit_code != 0:
                self._shop.finish(database)
            assert self._expected == self._shop.dump(database), told
            assert self._recorded == self._shop.recorded(database), told
            self._shop.drop_clones()

    def _assert_true(self, database: Database, result: Result, told: str) -> None:
        """Assert that a run that could look says exactly what it has done."""
        finished = result.finished
        if finished["to_revisions"] is None or "still be rolling back" in finished["summary"]:
            return
        applied = [each["revision"] for each in finished["applied"]]
        assert applied == self._shop.recorded(database, finished["run_id"]), told

    def _disturb(
        self,
        database: Database,
        fault: Callable[[Database, Running], None],
        moment: Moment,
        words: dict[str, str],
    ) -> Result:
        started = threading.Event()
        runs: list[Running] = []

        def strike() -> None:
            started.wait()
            fault(database, runs[0])

        self._trigger.arm(moment, strike)
        runs.append(self._shop.start(database, port=self._proxy.port, **words))
        started.set()
        result = runs[0].wait()
        self._trigger.disarm()
        return result


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
