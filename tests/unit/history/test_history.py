"""What the history knows of a database's heads."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from migration_runner.clock import SystemClock
from migration_runner.history.history import History, Revision
from migration_runner.report.report import RunReport
from migration_runner.run.progress import Progress
from tests.fixtures.graphs import make_history, shapes


@given(shape=shapes(), data=st.data())
def test_the_heads_after_some_revisions(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]], data: st.DataObject
) -> None:
    parents, _ = shape
    history = make_history(parents)
    some = st.lists(st.sampled_from(sorted(parents) or ["none"]), unique=True)
    before = history.with_ancestors(data.draw(some))
    after = before | history.with_ancestors(data.draw(some))

    found = history.heads_after(_heads(history, before), after - before)

    assert _heads(history, after) == list(found)


def _heads(history: History, there: set[str]) -> list[str]:
    below = {parent for name in there for parent in history.revisions[name].parents}
    return sorted(there - below)


def test_lines_that_are_drawn_close_by_are_found_close_by() -> None:
    names = [f"r{number:04}" for number in range(500)]
    revisions = _Counted(
        (
            name,
            Revision(name, tuple(names[:at][-1:]), frozenset(), "", "", names[max(0, at - 3)]),
        )
        for at, name in enumerate(names)
    )

    History(revisions, (names[-1],)).check_breaks()

    assert 0 < revisions.looks < 10 * len(names)


class _Counted(dict[str, Revision]):
    """Revisions that count how often one is looked at."""

    looks = 0

    def __getitem__(self, name: str) -> Revision:
        self.looks += 1
        return super().__getitem__(name)

    def get(self, name: str, _default: object = None) -> Revision | None:  # type: ignore[override]  # as much as is needed
        self.looks += 1
        return super().get(name)

    def __contains__(self, name: object) -> bool:
        self.looks += 1
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.looks += len(self)
        return super().__iter__()


def test_a_revision_costs_the_same_in_a_long_history() -> None:
    """The looks, as many for each revision: no time is measured."""
    names = [f"r{number:04}" for number in range(2000)]
    below = {name: names[:number][-1:] for number, name in enumerate(names)}
    revisions = _Counted(make_history(below).revisions)
    report = RunReport("run")
    history = History(revisions, (names[-1],))
    progress = Progress(history, report, SystemClock(), "upgrade")
    progress.enter(("shop", "public", "alembic_version"))
    counts = []
    for number, name in enumerate(names, 1):
        revisions.looks = 0
        progress.start(name, number, len(names))
        progress.end()
        progress.committed()
        counts.append(revisions.looks)

    assert names == [applied.revision for applied in report.applied]
    assert [names[-1]] == report.to_revisions
    assert max(counts) <= counts[1]
