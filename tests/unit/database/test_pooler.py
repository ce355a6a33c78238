"""Whether a pooler gives a session of our own is found out by looking, whatever it prefers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.database.pooler import recognize_statement_pooler, require_session
from migration_runner.errors import ConfigError


class _TransactionPooler:
    """Lends a server connection for a transaction: the last one given back, or the oldest."""

    def __init__(self, backends: int, *, round_robin: bool) -> None:
        self._free = list(range(1, backends + 1))
        self._next = 0 if round_robin else -1

    def ours(self) -> int:
        with self.transaction() as backend:
            return backend

    @contextlib.contextmanager
    def transaction(self) -> Iterator[int]:
        if not self._free:
            pytest.fail("waits for a connection that nobody gives back")
        backend = self._free.pop(self._next)
        try:
            yield backend
        finally:
            self._free.append(backend)


class _SessionPooler:
    """Lends a server connection for as long as the client stays."""

    def __init__(self, backends: int) -> None:
        self._free = list(range(2, backends + 1))
        self.others: list[int] = []

    def ours(self) -> int:
        return 1

    @contextlib.contextmanager
    def other(self) -> Iterator[int]:
        if not self._free:
            message = "connection timed out"
            raise TimeoutError(message)
        backend = self._free.pop()
        self.others.append(backend)
        yield backend
        self._free.append(backend)


def test_a_pooler_of_sessions_is_taken_after_several_looks() -> None:
    pooler = _SessionPooler(2)

    require_session(pooler.ours, pooler.other)

    assert [2, 2, 2] == pooler.others


@pytest.mark.parametrize("backends", [2, 3, 10])
def test_the_last_one_given_back_is_lent_to_another_client(backends: int) -> None:
    """PgBouncer's own way: between our transactions, ours is the first to be lent."""
    pooler = _TransactionPooler(backends, round_robin=False)

    with pytest.raises(ConfigError) as caught:
        require_session(pooler.ours, pooler.transaction)

    assert {"reason": "pooler", "pooling": "transactions"} == caught.value.facts


@given(backends=st.integers(1, 40), round_robin=st.booleans())
def test_no_pool_of_transactions_is_taken_for_one_of_sessions(
    backends: int,
    round_robin: bool,  # noqa: FBT001 - Hypothesis passes it by name
) -> None:
    pooler = _TransactionPooler(backends, round_robin=round_robin)

    with pytest.raises(ConfigError, match="in transaction mode"):
        require_session(pooler.ours, pooler.transaction)


def test_a_pool_of_one_is_found_out_without_waiting_for_it() -> None:
    """The other transaction has the connection: asking ours would wait for its end."""
    pooler = _TransactionPooler(1, round_robin=False)

    with pytest.raises(ConfigError, match="in transaction mode"):
        require_session(pooler.ours, pooler.transaction)


def test_without_a_second_connection_nothing_is_found_out() -> None:
    pooler = _SessionPooler(1)

    with pytest.raises(ConfigError) as caught:
        require_session(pooler.ours, pooler.other)

    assert {"reason": "pooler", "pooling": "unknown"} == caught.value.facts
    assert "MIGRATE_POOLER=session" in caught.value.message
    assert "MIGRATE_DATABASE_URL" in caught.value.message


def test_a_session_beside_the_pooler_finds_nothing_out() -> None:
    """env.py goes through a pooler that DATABASE_URL does not go through."""
    with pytest.raises(ConfigError, match=r"env\.py's driver does not reveal its") as caught:
        require_session(lambda: 1, lambda: contextlib.nullcontext(None))

    assert "unknown" == caught.value.facts["pooling"]


def test_a_pooler_of_statements_says_so_itself() -> None:
    error = RuntimeError("FATAL: transaction blocks not allowed in statement pooling mode")

    refusal = recognize_statement_pooler(error)

    assert refusal is not None
    assert {"reason": "pooler", "pooling": "statements"} == refusal.facts
    assert "MIGRATE_DATABASE_URL" in refusal.message


def test_another_error_is_none_of_a_poolers() -> None:
    assert recognize_statement_pooler(RuntimeError("the database system is starting up")) is None
