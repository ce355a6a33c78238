"""Where everything stands in a drawing of the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_runner.history.layout import lay_out
from tests.fixtures.graphs import Parents, make_graph, make_history, shapes


@settings(max_examples=300)
@given(shape=shapes(), data=st.data())
def test_whatever_the_history_is_everything_has_its_place(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]], data: st.DataObject
) -> None:
    parents, dependencies = shape
    at = data.draw(st.none() | st.lists(st.sampled_from(sorted(parents) or ["elsewhere"])))

    graph = make_graph(parents, at=at, dependencies=dependencies)

    assert parents.keys() == graph.nodes.keys()
    assert [*range(len(parents))] == [node.row for node in graph.nodes.values()]
    for name, node in graph.nodes.items():
        only = dependencies[name]
        assert [each for each in parents[name] if each not in only] == list(node.downs)
        assert [each for each in parents[name] if each in only] == list(node.needs)
        assert all(node.row < graph.nodes[parent].row for parent in parents[name])
    shuffled = {name: parents[name] for name in data.draw(st.permutations(list(parents)))}
    assert graph == make_graph(shuffled, at=at, dependencies=dependencies)


@settings(max_examples=300)
@given(shape=shapes())
def test_every_line_ends_at_the_parent_and_passes_nothing_else(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]],
) -> None:
    graph = make_graph(shape[0], at=None, dependencies=shape[1])
    children: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for name, node in graph.nodes.items():
        for parent in node.downs:
            children[parent].add(name)

    # Whose lines are in a lane.
    lanes: dict[int, set[str]] = {}
    for name, node in graph.nodes.items():
        if not children[name]:
            assert min({*range(len(lanes) + 1)} - lanes.keys()) == node.lane
        assert children[name] == lanes.pop(node.lane, set())
        moved = {s.source: lanes.pop(s.source) for s in node.steps if s.source != node.lane}
        for step in node.steps:
            lanes.setdefault(step.target, set()).update(moved.get(step.source, {name}))
        assert max([node.lane, *lanes]) < graph.lanes
    assert not lanes


@given(shape=shapes())
def test_the_first_line_is_straight_to_its_end(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]],
) -> None:
    graph = make_graph(shape[0], at=None, dependencies=shape[1])

    ahead = [*graph.nodes][:1]
    while ahead:
        node = graph.nodes[ahead.pop()]
        assert 0 == node.lane
        ahead += node.downs[:1]


class _Counted(str):
    """An id that counts how often it is looked up or compared."""

    __slots__ = ()
    times: ClassVar = [0]

    def __hash__(self) -> int:
        self.times[0] += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        self.times[0] += 1
        return super().__eq__(other)


def _line_of(length: int) -> Parents:
    names = [_Counted(f"r{number}") for number in range(length)]
    return {name: names[max(number - 1, 0) : number] for number, name in enumerate(names)}


def _branches_of(length: int) -> Parents:
    root = _Counted("root")
    names = [_Counted(f"r{number}") for number in range(length)]
    # A branch for each 25 revisions, and one revision that joins them all.
    found: dict[str, list[_Counted]] = {root: []}
    for number, name in enumerate(names):
        found[name] = [names[number - 1] if number % 25 else root]
    return {**found, _Counted("merge"): names[24::25]}


@pytest.mark.parametrize("parents_of", [_line_of, _branches_of])
def test_twice_the_revisions_are_twice_the_work(parents_of: Callable[[int], Parents]) -> None:
    costs = []
    for length in (2500, 5000):
        history = make_history(parents_of(length))
        before = _Counted.times[0]
        lay_out(history, at=history.heads)
        costs.append(_Counted.times[0] - before)

    assert costs[1] < 2.1 * costs[0]


def test_branches_side_by_side_need_no_lanes_of_their_own() -> None:
    parents: Parents = {"r": [], **{f"b{number}": ["r"] for number in range(200)}}

    assert 2 == make_graph(parents, at=None).lanes
