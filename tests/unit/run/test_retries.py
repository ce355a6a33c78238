"""How often and how long a revision is tried again, and how many sessions may be lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.run.retries import LockRetries, Outages
from tests.fixtures.clock import FakeClock

# How long a try takes, in seconds: no real one takes none.
TRY = 0.001


def _retries(timeout: float) -> tuple[LockRetries, FakeClock]:
    clock = FakeClock()
    retries = LockRetries(timeout, clock)
    retries.begin("r1")
    return retries, clock


def _pause(retries: LockRetries) -> bool:
    return retries.pause("55P03", "canceling statement due to lock timeout", ())


def test_the_pauses_grow_and_none_is_left_out() -> None:
    retries, clock = _retries(10**9)

    for _ in range(1100):
        assert _pause(retries)

    # Full jitter, but never none: the shortest of each is as long as a quarter of the longest.
    longest = [min(30.0, 0.5 * 2 ** min(attempt, 9)) for attempt in range(1, 1101)]
    assert all(most / 4 <= pause <= most for pause, most in zip(clock.pauses, longest, strict=True))
    assert 1100 == len(set(clock.pauses))
    assert 1100 == retries.attempts


@given(st.floats(0.001, 10_000))
def test_they_end_with_the_time_and_not_before(timeout: float) -> None:
    retries, clock = _retries(timeout)
    started = clock.now

    tries = 0
    while _pause(retries):
        tries += 1
        clock.now += TRY

    assert tries == len(clock.pauses)
    assert all(pause > 0 for pause in clock.pauses)
    assert timeout == pytest.approx(clock.now - started, abs=2 * TRY)
    assert tries + 1 == retries.attempts


def test_the_time_that_the_tries_themselves_take_counts() -> None:
    retries, clock = _retries(60.0)
    assert _pause(retries)

    clock.now += 60.0

    assert not _pause(retries)


def test_the_time_begins_with_the_first_failure() -> None:
    retries, clock = _retries(60.0)

    clock.now += 3600.0

    assert _pause(retries)


def test_without_a_timeout_there_is_no_retry() -> None:
    retries, clock = _retries(0.0)

    assert not _pause(retries)

    assert [] == clock.pauses
    assert not retries.take()


def test_every_revision_has_its_own_time_and_its_own_pauses() -> None:
    retries, clock = _retries(60.0)
    while _pause(retries):
        clock.now += TRY

    retries.begin("r2")

    assert 0 == retries.attempts
    assert _pause(retries)
    assert clock.pauses[-1] <= 1.0
    retries.begin("r1")
    assert not _pause(retries)


def test_a_revision_that_is_begun_again_behind_others_goes_on_where_it_was() -> None:
    """Where all revisions are one transaction, each try begins with the first of them."""
    retries, clock = _retries(60.0)

    tries = 0
    while True:
        retries.begin("r1")
        retries.begin("r2")
        if not _pause(retries):
            break
        tries += 1
        clock.now += TRY

    assert 60.0 == pytest.approx(clock.now - 1000.0, abs=2 * TRY)
    assert tries + 1 == retries.attempts
    retries.begin("r1")
    assert 0 == retries.attempts


def test_a_try_that_was_waited_for_is_taken_once() -> None:
    retries, _ = _retries(60.0)
    assert not retries.take()

    _pause(retries)

    assert (True, False) == (retries.take(), retries.take())


def test_sessions_that_are_lost_one_after_the_other_without_progress_are_three() -> None:
    outages = Outages(60.0, FakeClock())

    goes_on = []
    for _ in range(3):
        goes_on.append(outages.begin(progress=5))
        outages.end()

    assert [True, True, False] == goes_on
    assert 3 == outages.losses


def test_a_read_only_server_is_waited_for_as_long_as_one_that_is_down() -> None:
    """It accepts every session, and none of them ends the outage."""
    clock = FakeClock()
    outages = Outages(60.0, clock)

    while outages.begin(progress=0, read_only=True):
        outages.pause()
        outages.end()

    assert outages.losses > 10
    assert 60 <= clock.now - 1000 <= 61


def test_progress_in_between_makes_up_for_losses() -> None:
    outages = Outages(60.0, FakeClock())

    for progress in range(100):
        assert outages.begin(progress)
        outages.end()
        assert outages.begin(progress)
        outages.end()

    assert 2 == outages.losses


def test_an_outage_lasts_no_longer_than_the_timeout() -> None:
    clock = FakeClock()
    outages = Outages(60.0, clock)
    assert 60.0 == outages.remaining

    outages.begin(progress=0)
    clock.now += 59.0

    assert 1.0 == outages.remaining
    clock.now += 1.0
    assert 0.0 == outages.remaining
    assert not outages.begin(progress=1)


def test_every_outage_has_the_whole_timeout() -> None:
    clock = FakeClock()
    outages = Outages(60.0, clock)
    outages.begin(progress=0)
    clock.now += 59.0

    outages.end()

    assert 60.0 == outages.remaining
    clock.now += 3600.0
    assert outages.begin(progress=1)
    assert 60.0 == outages.remaining


def test_a_loss_while_the_server_is_away_is_the_same_outage() -> None:
    clock = FakeClock()
    outages = Outages(60.0, clock)
    outages.begin(progress=0)
    clock.now += 50.0

    assert outages.begin(progress=0)

    assert 10.0 == outages.remaining


def test_each_version_table_has_its_own_time() -> None:
    retries, _ = _retries(10)
    while _pause(retries):
        pass

    retries.begin("r1", ("shop", "tenant", "alembic_version"))

    assert 0 == retries.attempts
    assert _pause(retries)
