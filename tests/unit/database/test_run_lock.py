"""The run lock's key, and how it is asked for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.database.run_lock import (
    LockHolder,
    LockWait,
    acquire_run_lock,
    derive_key,
)
from migration_runner.errors import TemporaryFailure
from tests.fixtures.clock import FakeClock

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=63)


HOLDER = LockHolder(44, "migrate 1a2b shop-0", "shop", "10.0.0.7", "active", 61.2, "SELECT 1")


class _Session:
    """Gives the lock at the poll of this number."""

    def __init__(self, free_at: int) -> None:
        self.polls = self.asked_for_holder = 0
        self._free_at = free_at

    def try_lock(self, _key: int) -> bool:
        self.polls += 1
        return self.polls >= self._free_at

    def lock_holder(self, _key: int) -> LockHolder | None:
        self.asked_for_holder += 1
        return HOLDER


def test_the_key_is_what_every_release_agrees_on() -> None:
    """Never change these numbers: two releases would migrate at the same time."""
    assert -680141688438702208 == derive_key("shop", "public", "alembic_version")
    assert 1224745909849688499 == derive_key("Zoë's shop", "Über", "alembic_version")


def test_a_hundred_thousand_histories_have_keys_of_their_own() -> None:
    names = itertools.product(
        (f"database{number}" for number in range(100)),
        (f"schema{number}" for number in range(50)),
        (f"version{number}" for number in range(20)),
    )
    keys = [derive_key(*name) for name in names]

    assert 100_000 == len(keys) == len(set(keys))
    assert all(-(2**63) <= key < 2**63 for key in keys)


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_names_do_not_run_into_each_other(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (one == other) == (derive_key(*one) == derive_key(*other))


def test_a_free_lock_is_taken_without_a_pause() -> None:
    clock = FakeClock()

    assert acquire_run_lock(
        _Session(1), 7, LockWait(10.0), clock, done=lambda: pytest.fail("asked")
    )

    assert [] == clock.pauses


def test_a_busy_lock_is_asked_for_again_after_pauses_of_different_lengths() -> None:
    clock, session = FakeClock(), _Session(20)

    assert acquire_run_lock(session, 7, LockWait(600.0), clock, done=lambda: False)

    assert 20 == session.polls
    assert 19 == len(clock.pauses) == len(set(clock.pauses))
    assert all(0.1 <= pause <= 0.6 for pause in clock.pauses)


def test_it_leaves_without_the_lock_once_nothing_is_left_to_do() -> None:
    answers = iter([False, False, True])
    session = _Session(100)

    assert not acquire_run_lock(
        session, 7, LockWait(600.0), FakeClock(), done=lambda: next(answers)
    )

    assert 3 == session.polls


def test_it_gives_up_when_the_time_is_up() -> None:
    clock = FakeClock()

    with pytest.raises(TemporaryFailure) as caught:
        acquire_run_lock(_Session(10**9), 7, LockWait(600.0), clock, done=lambda: False)

    assert 600 <= clock.now - 1000 <= 601
    assert ("run_lock_busy", 7) == (
        caught.value.facts["reason"],
        caught.value.facts["run_lock_key"],
    )
    assert 44 == caught.value.facts["holder"]["pid"]
    assert (
        " s: pid 44, `migrate 1a2b shop-0`, role shop, connected for 61 s, active,"
        " last statement: SELECT 1. Wait for it to finish"
    ) in caught.value.message


def test_it_says_with_every_heartbeat_whom_it_waits_for() -> None:
    session = _Session(10**9)

    with pytest.raises(TemporaryFailure):
        acquire_run_lock(session, 7, LockWait(600.0, 60.0), FakeClock(), done=lambda: False)

    # At first, then once a minute or a pause later, and in the error.
    assert 11 == session.asked_for_holder


def test_without_a_timeout_it_asks_once() -> None:
    session = _Session(2)

    with pytest.raises(TemporaryFailure):
        acquire_run_lock(session, 7, LockWait(0.0), FakeClock(), done=lambda: False)

    assert 1 == session.polls
