"""The schedule keeps its limits in whatever order runs end, and starts every target once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from migration_runner.fleet.schedule import Limits, Schedule, parse_failures
from migration_runner.fleet.targets import Target
from migration_runner.fleet.waves import Wave


def _target(number: int, server: int) -> Target:
    return Target(f"t{number}", schema=f"server{server}")


def _server_of(target: Target) -> str:
    return target.schema


@st.composite
def _waves(draw: st.DrawFn) -> list[Wave]:
    shapes = draw(
        st.lists(
            st.tuples(
                st.lists(st.integers(0, 3), max_size=8),
                st.none() | st.integers(1, 4),
                st.booleans(),
            ),
            max_size=4,
        )
    )
    number = 0
    waves = []
    for place, (servers, parallel, stops) in enumerate(shapes):
        targets = [_target(number + each, server) for each, server in enumerate(servers)]
        number += len(servers)
        waves.append(Wave(f"wave{place}", targets, parallel, stops))
    return waves


class ScheduleMachine(RuleBasedStateMachine):
    """Runs begin as the schedule says, and end in any order: well, badly, or without a result."""

    @initialize(
        waves=_waves(),
        jobs=st.integers(1, 5),
        per_server=st.integers(1, 3),
        most=st.none() | st.integers(0, 4),
    )
    def begin(self, waves: list[Wave], jobs: int, per_server: int, most: int | None) -> None:
        """Any waves and limits."""
        self.waves = waves
        self.limits = Limits(jobs, per_server, most)
        self.schedule = Schedule(waves, self.limits, _server_of)
        self.wave_of = {
            target.name: number for number, wave in enumerate(waves) for target in wave.targets
        }
        self.running: dict[str, Target] = {}
        self.started: Counter[str] = Counter()
        self.allowed = Counter(dict.fromkeys(self.wave_of, 1))
        self.finished: set[str] = set()
        self.failed = 0
        self.must_stop = False

    @rule()
    def start(self) -> None:
        """One more, if the limits allow it."""
        before = self._startable()
        target = self.schedule.next()
        # It never holds one back that the limits allow.
        assert before == (target is not None)
        if target is None:
            return
        assert not self.must_stop
        self.started[target.name] += 1
        self.running[target.name] = target
        earlier = {name for name, n in self.wave_of.items() if n < self.wave_of[target.name]}
        assert earlier <= self.finished
        assert self.waves[self.wave_of[target.name]].name == self.schedule.wave

    @precondition(lambda self: self.running)
    @rule(data=st.data(), failed=st.booleans())
    def end(self, data: st.DataObject, failed: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        """Any of those that run has a result."""
        target = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        self.schedule.ended(target, failed=failed)
        self.finished.add(target.name)
        self.failed += failed
        most = self.limits.max_failures
        stops = self.waves[self.wave_of[target.name]].stops
        self.must_stop |= failed and (stops or (most is not None and self.failed > most))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """Any of those that run was killed."""
        target = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        self.allowed[target.name] += 1
        self.schedule.again(target)

    @rule()
    def finish(self) -> None:
        """Without further failures, all that may be started is."""
        while not self.schedule.over:
            while self._startable():
                self.start()
            assert self.running or self.schedule.over
            for name in sorted(self.running):
                self.schedule.ended(self.running.pop(name), failed=False)
                self.finished.add(name)
        assert self.must_stop or self.wave_of.keys() == self.finished

    @invariant()
    def keeps_the_limits(self) -> None:
        """After each step."""
        if not hasattr(self, "schedule"):
            return
        assert len(self.running) <= self.limits.jobs
        servers = Counter(map(_server_of, self.running.values()))
        assert max(servers.values(), default=0) <= self.limits.jobs_per_server
        waves = {self.wave_of[name] for name in self.running}
        assert len(waves) <= 1
        for wave in waves:
            assert len(self.running) <= (self.waves[wave].parallel or self.limits.jobs)
        assert all(self.started[name] <= self.allowed[name] for name in self.started)
        assert self.must_stop == bool(self.schedule.stopped)
        left = self.wave_of.keys() - self.finished
        assert self.schedule.over == (not self.running and (self.must_stop or not left))

    def _startable(self) -> bool:
        """Whether the limits allow another one now, by their definition."""
        left = [name for name in self.wave_of if name not in self.finished | self.running.keys()]
        waves = {self.wave_of[name] for name in (*left, *self.running)}
        if self.must_stop or not left:
            return False
        wave = min(waves)
        if len(self.running) >= min(self.limits.jobs, self.waves[wave].parallel or 99):
            return False
        servers = Counter(map(_server_of, self.running.values()))
        return any(
            self.wave_of[target.name] == wave
            and target.name in left
            and servers[_server_of(target)] < self.limits.jobs_per_server
            for each in self.waves
            for target in each.targets
        )


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def _schedule(*servers: int, jobs: int = 4, **others: Any) -> Schedule:
    limits = Limits(jobs, others.pop("jobs_per_server", 4), others.pop("max_failures", None))
    targets = [_target(number, server) for number, server in enumerate(servers)]
    return Schedule([Wave("all", targets, **others)], limits, _server_of)


def _start_all(schedule: Schedule) -> list[Target]:
    started = []
    while (target := schedule.next()) is not None:
        started.append(target)
    return started


def test_servers_take_turns() -> None:
    """One with many targets does not keep the others waiting."""
    schedule = _schedule(0, 0, 0, 0, 1, 1, 2, jobs=7)
    assert ["t0", "t4", "t6", "t1", "t5", "t2", "t3"] == [
        target.name for target in _start_all(schedule)
    ]


def test_the_order_is_the_wave_s_on_each_server() -> None:
    """One at a time, there is no other order at all."""
    schedule = _schedule(0, 0, 0, jobs=1)
    order = []
    while not schedule.over:
        (target,) = _start_all(schedule)
        order.append(target.name)
        schedule.ended(target, failed=False)
    assert ["t0", "t1", "t2"] == order


def test_a_full_server_leaves_room_for_others() -> None:
    """Its targets wait for each other, not for the rest."""
    schedule = _schedule(0, 0, 0, 1, jobs=4, jobs_per_server=1)
    assert ["t0", "t3"] == [target.name for target in _start_all(schedule)]


def test_one_more_than_the_budget_stops_new_ones() -> None:
    """Those that run finish, and can fail as well."""
    schedule = _schedule(*range(6), jobs=3, max_failures=1)
    running = _start_all(schedule)
    schedule.ended(running[0], failed=True)
    assert "" == schedule.stopped
    running += _start_all(schedule)
    schedule.ended(running[1], failed=True)
    assert "more than 1 target failed" == schedule.stopped
    assert [] == _start_all(schedule)
    assert not schedule.over
    for target in running[2:]:
        schedule.ended(target, failed=True)
    assert schedule.over
    assert 4 == schedule.failures
    # The reason is the first.
    schedule.stop("the fleet was interrupted")
    assert "more than 1 target failed" == schedule.stopped


def test_no_failure_is_allowed_at_zero() -> None:
    """`--max-failures 0` stops at the first."""
    schedule = _schedule(0, 0, jobs=1, max_failures=0)
    schedule.ended(_start_all(schedule)[0], failed=True)
    assert "a target failed" == schedule.stopped


def test_a_failure_in_a_wave_that_stops_is_the_last() -> None:
    """The canary's, and those with `on_error: stop`."""
    schedule = _schedule(0, 0, jobs=1, stops=True, max_failures=5)
    schedule.ended(_start_all(schedule)[0], failed=True)
    assert "a target of the wave 'all' failed" == schedule.stopped
    assert schedule.over


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_percentage_is_of_all_targets(targets: int, percents: int) -> None:
    """Once more than that has failed, it is more than P% of them."""
    most = parse_failures(f"{percents}%", targets)
    assert 100 * most <= percents * targets < 100 * (most + 1)


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("5", 5), ("500", 500), ("0%", 0)])
def test_failures_are_a_number(text: str, expected: int) -> None:
    """It can be more than there are targets."""
    assert expected == parse_failures(text, 100)


@pytest.mark.parametrize(
    "text", ["", "%", "5%%", "-1", "+1", "1.5", "1.5%", "101%", "five", " 5", "5 %", "²", "\u0665",
             "9" * 5000, "9" * 5000 + "%"]
)  # fmt: skip
def test_wrong_failures_are_explained(text: str) -> None:
    """In one short sentence."""
    with pytest.raises(ValueError, match="must be ") as caught:
        parse_failures(text, 100)
    assert len(str(caught.value)) < 120
