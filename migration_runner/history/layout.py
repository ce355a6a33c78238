"""The layout of a drawing of the history: each revision's row, lane and marks."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from migration_runner.history.history import History, Revision

Mark = Literal["applied", "pending"]


class Step(NamedTuple):
    """A line from a row to the next one, to another lane or in the same."""

    source: int
    target: int


@dataclass(frozen=True)
class Node:
    """A revision in its place, with its edges: lines to `downs`, dependencies on `needs`.

    `downs` are its `down_revision`. Below its row, lines take these `steps`, and all others
    continue straight. `mark` is None if it is not known.
    """

    revision: Revision
    row: int
    lane: int
    downs: tuple[str, ...]
    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    mark: Mark | None
    head: bool
    current: bool


@dataclass(frozen=True)
class Graph:
    """The history, newest first. `unknown` are the database's heads that it does not have."""

    nodes: dict[str, Node]
    lanes: int
    connected: bool
    unknown: tuple[str, ...]

    def count(self, mark: Mark | None) -> int:
        """Return how many revisions have this mark."""
        return sum(node.mark == mark for node in self.nodes.values())


def lay_out(
    history: History,
    *,
    at: Collection[str] | None,
    applied: Collection[str] = (),
    dependencies: Mapping[str, Collection[str]] | None = None,
) -> Graph:
    """Return the layout of the revisions, marked for a database at `at`.

    `at` is None without a database. `applied` are further revisions known to be applied with all
    their ancestors, for example by the ledger. `dependencies` has those of each revision's parents
    that are only in `depends_on`.
    """
    heads, current = set(history.heads), set(at or ())
    there = history.with_ancestors({*current, *applied})
    unknown = tuple(sorted(history.unknown(current)))
    # An unknown revision can have any ancestors: then only applied revisions are certain.
    others: Mark | None = None if at is None or unknown else "pending"
    downs, needs = {}, {}
    for name, revision in history.revisions.items():
        parents = [each for each in dict.fromkeys(revision.parents) if each in history.revisions]
        only = set((dependencies or {}).get(name, ()))
        downs[name] = tuple(parent for parent in parents if parent not in only)
        needs[name] = tuple(parent for parent in parents if parent in only)
    lanes, nodes = _Lanes(), {}
    for row, name in enumerate(_newest_first(history, {n: downs[n] + needs[n] for n in downs})):
        lane, steps = lanes.place(name, downs[name])
        nodes[name] = Node(
            revision=history.revisions[name],
            row=row,
            lane=lane,
            downs=downs[name],
            needs=needs[name],
            steps=steps,
            mark="applied" if name in there else others,
            head=name in heads,
            current=name in current,
        )
    return Graph(nodes, lanes.width, at is not None, unknown)


def _newest_first(history: History, parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Order children before parents, branch by branch, the longest branch first."""
    children = dict.fromkeys(parents, 0)
    length: dict[str, int] = {}
    for name in history.in_order(parents):
        length[name] = 1 + max((length[parent] for parent in parents[name]), default=0)
        for parent in parents[name]:
            children[parent] += 1
    tops = (name for name, above in children.items() if not above)
    ready = sorted(tops, key=lambda name: (-length[name], name))[::-1]
    rows = []
    while ready:
        rows.append(name := ready.pop())
        # The first parent comes next, so that a branch stays together.
        for parent in reversed(parents[name]):
            children[parent] -= 1
            if not children[parent]:
                ready.append(parent)
    return rows


class _Lanes:
    """Which lane leads to which revision; at most one to each."""

    def __init__(self) -> None:
        self.width = 0
        self._leading_to: dict[str, int] = {}
        self._taken: set[int] = set()

    def place(self, name: str, parents: Sequence[str]) -> tuple[int, tuple[Step, ...]]:
        """Return the lane of the next row's revision, and the steps of the lines below it."""
        lane = self._leading_to.pop(name) if name in self._leading_to else self._take(0)
        self._taken.remove(lane)
        steps = []
        moved, leftmost = None, lane
        for number, parent in enumerate(parents):
            target = self._leading_to.get(parent)
            if target is None:
                self._leading_to[parent] = target = leftmost = self._take(leftmost)
            elif number == 0 and target > lane:
                # The line to the first parent stays straight: the other line moves to this lane.
                moved = target
                self._leading_to[parent] = target = self._take(lane)
            steps.append(Step(lane, target))
        if moved is not None:
            self._taken.remove(moved)
            steps.append(Step(moved, lane))
        return lane, tuple(steps)

    def _take(self, leftmost: int) -> int:
        lane = next(lane for lane in itertools.count(leftmost) if lane not in self._taken)
        self._taken.add(lane)
        self.width = max(self.width, lane + 1)
        return lane
