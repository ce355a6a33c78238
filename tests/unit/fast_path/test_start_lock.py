"""Waiting for the start lock, without a database and without time passing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migration_runner.fast_path.manifest_file import read_manifest, render_manifest
from migration_runner.fast_path.start_lock import wait_for_head
from tests.fixtures.clock import FakeClock

QUESTIONS = {"there": "there", "heads": "heads", "take": "take", "introduction": "introduction"}


class Talk:
    """A server that has the version table's heads, None for no table, as the test goes on."""

    def __init__(self, *heads: str | None, locked: bool = True, backend: str = "7") -> None:
        self._heads = list(heads)
        self._locked = locked
        self._backend = backend
        self._query = ""
        self.asked: list[str] = []
        self.detached = False

    def ask(self, query: str) -> None:
        """Note the question."""
        self._query = query
        self.asked.append(query)

    def answer(self, _seconds: float) -> list[str | None] | None:
        """Answer it; a poll goes on to the next heads."""
        heads = self._heads[0]
        taken = "f" if self._locked or "take" not in self._query else "t"
        if "introduction" in self._query:
            return ["7", None]
        if "pg_backend_pid" in self._query:
            return ["7", self._backend, "ft"[heads is not None]]
        if "take" in self._query and len(self._heads) > 1:
            del self._heads[0]
        if "heads" in self._query:
            return ["7", heads, taken]
        return ["7", "ft"[heads is not None], taken]

    def detach(self) -> int:
        """Note that the connection stays open."""
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


def _wait(tmp_path: Path, clock: FakeClock, talk: Any, *heads: str) -> bool:
    path = tmp_path / "manifest"
    parts: dict[str, object] = {"ids": ["r1", "r2", "r3"]}
    ours = list(heads or ("r2",))
    path.write_bytes(render_manifest({"heads": ours, "start_lock": QUESTIONS}, parts))
    manifest = read_manifest(str(path))
    assert manifest is not None

    def pause(seconds: float) -> bool:
        clock.sleep(seconds)
        return False

    return wait_for_head(talk, manifest, clock.monotonic, pause)


def test_ten_seconds_at_most(tmp_path: Path, clock: FakeClock, kept: list[int]) -> None:
    assert not _wait(tmp_path, clock, Talk(None))

    assert 10 <= sum(clock.pauses) < 10.6
    assert all(0.1 <= pause <= 0.6 for pause in clock.pauses)
    assert len(set(clock.pauses)) > 1
    assert [] == kept


@pytest.mark.parametrize("before", [None, "", "r1"])
def test_it_ends_with_the_other(before: str | None, tmp_path: Path, clock: FakeClock) -> None:
    talk = Talk(before, before, before, "r2")

    assert _wait(tmp_path, clock, talk)

    assert 3 == len(clock.pauses)


def test_several_heads(tmp_path: Path, clock: FakeClock) -> None:
    assert _wait(tmp_path, clock, Talk("r2", "r2,r3"), "r2", "r3")


@pytest.mark.parametrize("heads", [None, "", "r1", "r1,r3"])
def test_the_lock_is_kept(
    heads: str | None, tmp_path: Path, clock: FakeClock, kept: list[int]
) -> None:
    talk = Talk(heads, locked=False)

    assert not _wait(tmp_path, clock, talk)

    assert talk.detached
    assert [-1] == kept
    assert [] == clock.pauses


def test_what_the_one_before_has_done_needs_no_lock(
    tmp_path: Path, clock: FakeClock, kept: list[int]
) -> None:
    talk = Talk("r1", "r2", locked=False)

    assert _wait(tmp_path, clock, talk)

    assert not talk.detached
    assert [] == kept


@pytest.mark.parametrize("heads", ["x1", "r1,x1"])
def test_what_is_not_behind(heads: str, tmp_path: Path, clock: FakeClock) -> None:
    talk = Talk(heads, locked=False)

    assert not _wait(tmp_path, clock, talk)

    assert not any("take" in query for query in talk.asked)


def test_a_pooler_is_asked_nothing_else(tmp_path: Path, clock: FakeClock) -> None:
    talk = Talk(None, locked=False, backend="8")

    assert not _wait(tmp_path, clock, talk)

    assert 1 == len(talk.asked)


def test_an_error_ends_it(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(None)
    monkeypatch.setattr(talk, "answer", lambda _seconds: None)

    with pytest.raises(ValueError, match="no such row"):
        _wait(tmp_path, clock, talk)
