"""Behind, at head, ahead, diverged: against a model that has the sets themselves."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from migration_runner.history.history import History, Revision
from migration_runner.history.relation import (
    AHEAD,
    AT_HEAD,
    BEHIND,
    DIVERGED,
    UNPROVED,
    Recorded,
    Relation,
    relate,
)


@dataclass(frozen=True)
class _Node:
    """A revision as somebody has written it."""

    downs: frozenset[str]
    depends: frozenset[str]
    breaks_before: str | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(sorted(self.downs | self.depends))


@dataclass(frozen=True)
class _Row:
    """A row of the ledger."""

    parents: tuple[str, ...]
    breaks_before: str | None = None


Graph = dict[str, _Node]
Nodes = AbstractSet[str]


def _closed(graph: Graph, chosen: Nodes) -> set[str]:
    """Return `chosen` with everything below: every node comes behind its parents in `graph`."""
    found = set(chosen)
    for name in reversed(graph):
        if name in found:
            found |= graph[name].downs | graph[name].depends
    return found


def _heads(graph: Graph, members: Nodes) -> list[str]:
    """Return Alembic's heads: what is depended on can still be one."""
    below = {down for name in members for down in graph[name].downs}
    return sorted(members - below)


@st.composite
def _graphs(draw: st.DrawFn) -> Graph:
    graph: Graph = {"r00": _Node(frozenset(), frozenset())}
    for number in range(1, draw(st.integers(4, 12))):
        name = f"r{number:02}"
        # Near ones, so that there are chains, too.
        downs = draw(st.frozensets(st.sampled_from(sorted(graph)[-3:]), max_size=3))
        depends = draw(st.frozensets(st.sampled_from(sorted(graph)), max_size=2)) - downs
        graph[name] = _Node(downs, depends)
        line = draw(st.none() | st.sampled_from(sorted(_closed(graph, {name}))))
        graph[name] = _Node(downs, depends, line)
    return graph


@dataclass(frozen=True)
class _Case:
    """A graph that nobody has as a whole: what the image has of it, and what the database."""

    graph: Graph
    image: set[str]
    database: set[str]
    database_heads: list[str]

    @property
    def history(self) -> History:
        revisions = {
            name: Revision(name, node.parents, frozenset(), "", "", node.breaks_before)
            for name, node in self.graph.items()
            if name in self.image
        }
        return History(revisions, tuple(_heads(self.graph, self.image)))

    def ledger(self, lost: Nodes = frozenset()) -> dict[str, Recorded]:
        """Return the rows of the database's revisions.

        Nothing is to be read in those of the revisions that the image has: it has the files.
        """
        return {
            name: _Row(() if name in self.image else self.graph[name].parents, line)
            for name in self.database - lost
            for line in [self.graph[name].breaks_before]
        }


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    graph = draw(_graphs())
    # Hypothesis prefers small sets, of which one contains the other nearly always.
    random = draw(st.randoms(use_true_random=True))
    image = _closed(graph, set(random.sample(sorted(graph), random.randint(0, 3))))
    # As in life: what the image has, or the most of it, or none, and something on top.
    below = random.choice([image, set(sorted(image)[:-1]), set()])
    on_top = random.sample(sorted(graph), random.randint(0, 3))
    database = _closed(graph, below | set(on_top))
    heads = draw(st.permutations(_heads(graph, database)))
    return _Case(graph, image, database, heads)


@settings(max_examples=200)
@given(case=_cases())
def test_with_a_whole_ledger_it_is_what_the_sets_say(case: _Case) -> None:
    image, database = case.image, case.database
    unknown = tuple(sorted(database - image))
    missing = tuple(head for head in _heads(case.graph, image) if head not in database)
    breaks: tuple[tuple[str, str], ...] = ()
    if database <= image:
        kind = AT_HEAD if database == image else BEHIND
    elif not image:
        kind = UNPROVED
    elif image <= database:
        kind = AHEAD
        lines = ((name, case.graph[name].breaks_before) for name in unknown)
        breaks = tuple((name, line) for name, line in lines if line and line not in image)
    else:
        kind = DIVERGED
    event(kind)

    found = relate(case.history, case.database_heads, case.ledger())

    assert Relation(kind, unknown, missing, breaks) == found


@settings(max_examples=200)
@given(case=_cases(), data=st.data())
def test_without_some_rows_only_what_they_lead_to_is_proved(
    case: _Case, data: st.DataObject
) -> None:
    foreign = sorted(case.database - case.image)
    some = st.sets(st.sampled_from(foreign)) if foreign else st.nothing()
    # All of them: there is no ledger.
    lost = data.draw(some | st.just(set(foreign)))
    reached = set(case.database_heads)
    for name in reversed(case.graph):
        if name in reached and name not in lost:
            reached |= set(case.graph[name].parents)
    missing = [head for head in _heads(case.graph, case.image) if head not in reached]

    found = relate(case.history, case.database_heads, case.ledger(lost))

    event(f"{found.kind}, {'with' if lost else 'without'} a gap")
    assert sorted(reached - case.image) == list(found.unknown)
    assert missing == list(found.missing)
    if not foreign:
        assert found.kind in (BEHIND, AT_HEAD)
    elif case.image and not missing:
        assert AHEAD == found.kind
        assert case.image <= case.database
    else:
        assert (UNPROVED if lost & reached or not missing else DIVERGED) == found.kind


def _history(*names: str, heads: tuple[str, ...]) -> History:
    parents = dict(zip(names, [(), *((name,) for name in names)], strict=False))
    revisions = {name: Revision(name, parents[name], frozenset(), "", "") for name in names}
    return History(revisions, heads)


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ({"r3": _Row(("r2",))}, Relation(AHEAD, ("r3",))),
        ({"r3": _Row(("r1",))}, Relation(DIVERGED, ("r3",), ("r2",))),
        ({"r3": _Row(("x",))}, Relation(UNPROVED, ("r3", "x"), ("r2",))),
        ({}, Relation(UNPROVED, ("r3",), ("r2",))),
        ({"r3": _Row(("r2",), "r3")}, Relation(AHEAD, ("r3",), breaks=(("r3", "r3"),))),
        ({"r3": _Row(("r2",), "r2")}, Relation(AHEAD, ("r3",))),
    ],
)
def test_a_rolled_back_image(ledger: dict[str, Recorded], expected: Relation) -> None:
    assert expected == relate(_history("r1", "r2", heads=("r2",)), ["r3"], ledger)


def test_an_image_without_revisions_contains_nothing_that_could_be_contained() -> None:
    """It was hardly meant to be: a mount that is not there, a wrong folder."""
    empty = History({}, ())

    assert Relation(AT_HEAD) == relate(empty, [], {})
    assert Relation(UNPROVED, ("r1",)) == relate(empty, ["r1"], {"r1": _Row(())})


def test_a_ledger_that_goes_in_circles_comes_to_an_end() -> None:
    """Nobody but a person writes that; it must not hang."""
    ledger = {"a": _Row(("b",)), "b": _Row(("a",))}

    assert DIVERGED == relate(_history("r1", heads=("r1",)), ["a"], ledger).kind
