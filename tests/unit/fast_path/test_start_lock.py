"""Waiting for the start lock, without a database and without time passing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migration_runner.fast_path.manifest_file import read_manifest, render_manifest
from migration_runner.fast_path.start_lock import wait_for_head
from tests.fixtures.clock import FakeClock

QUERIES = {"there": "there", "heads": "heads", "take": "take", "prepare": "prepare"}


class FakeConnection:
    """A server that has the version table's heads, None for no table, as the test goes on."""

    def __init__(self, *heads: str | None, locked: bool = True, backend: str = "7") -> None:
        self._heads = list(heads)
        self._locked = locked
        self._backend = backend
        self._query = ""
        self.queries: list[str] = []
        self.detached = False

    def send(self, query: str) -> None:
        """Record the query."""
        self._query = query
        self.queries.append(query)

    def fetch(self, _seconds: float) -> list[str | None] | None:
        """Return its row; a poll moves on to the next heads."""
        heads = self._heads[0]
        taken = "f" if self._locked or "take" not in self._query else "t"
        if "prepare" in self._query:
            return ["7", None]
        if "pg_backend_pid" in self._query:
            return ["7", self._backend, "ft"[heads is not None]]
        if "take" in self._query and len(self._heads) > 1:
            del self._heads[0]
        if "heads" in self._query:
            return ["7", heads, taken]
        return ["7", "ft"[heads is not None], taken]

    def detach(self) -> int:
        """Record that the connection stays open."""
        self.detached = True
        return -1


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    kept: list[int] = []
    monkeypatch.setattr("migration_runner.fast_path.start_lock.keep", kept.append)
    return kept


def _wait(tmp_path: Path, clock: FakeClock, connection: Any, *heads: str) -> bool:
    path = tmp_path / "manifest"
    parts: dict[str, object] = {"ids": ["r1", "r2", "r3"]}
    ours = list(heads or ("r2",))
    path.write_bytes(render_manifest({"heads": ours, "start_lock": QUERIES}, parts))
    manifest = read_manifest(str(path))
    assert manifest is not None

    def pause(seconds: float) -> bool:
        clock.sleep(seconds)
        return False

    return wait_for_head(connection, manifest, clock.monotonic, pause)


def test_ten_seconds_at_most(tmp_path: Path, clock: FakeClock, kept: list[int]) -> None:
    assert not _wait(tmp_path, clock, FakeConnection(None))

    assert 10 <= sum(clock.pauses) < 10.6
    assert all(0.1 <= pause <= 0.6 for pause in clock.pauses)
    assert len(set(clock.pauses)) > 1
    assert [] == kept


@pytest.mark.parametrize("before", [None, "", "r1"])
def test_it_ends_with_the_other(before: str | None, tmp_path: Path, clock: FakeClock) -> None:
    connection = FakeConnection(before, before, before, "r2")

    assert _wait(tmp_path, clock, connection)

    assert 3 == len(clock.pauses)


def test_several_heads(tmp_path: Path, clock: FakeClock) -> None:
    assert _wait(tmp_path, clock, FakeConnection("r2", "r2,r3"), "r2", "r3")


@pytest.mark.parametrize("heads", [None, "", "r1", "r1,r3"])
def test_the_lock_is_kept(
    heads: str | None, tmp_path: Path, clock: FakeClock, kept: list[int]
) -> None:
    connection = FakeConnection(heads, locked=False)

    assert not _wait(tmp_path, clock, connection)

    assert connection.detached
    assert [-1] == kept
    assert [] == clock.pauses


def test_what_the_one_before_has_done_needs_no_lock(
    tmp_path: Path, clock: FakeClock, kept: list[int]
) -> None:
    connection = FakeConnection("r1", "r2", locked=False)

    assert _wait(tmp_path, clock, connection)

    assert not connection.detached
    assert [] == kept


@pytest.mark.parametrize("heads", ["x1", "r1,x1"])
def test_what_is_not_behind(heads: str, tmp_path: Path, clock: FakeClock) -> None:
    connection = FakeConnection(heads, locked=False)

    assert not _wait(tmp_path, clock, connection)

    assert not any("take" in query for query in connection.queries)


def test_a_pooler_gets_no_other_query(tmp_path: Path, clock: FakeClock) -> None:
    connection = FakeConnection(None, locked=False, backend="8")

    assert not _wait(tmp_path, clock, connection)

    assert 1 == len(connection.queries)


def test_an_error_ends_it(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = FakeConnection(None)
    monkeypatch.setattr(connection, "fetch", lambda _seconds: None)

    with pytest.raises(ValueError, match="not one row"):
        _wait(tmp_path, clock, connection)
