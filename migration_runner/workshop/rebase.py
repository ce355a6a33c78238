"""Which revisions get another parent, so that one's own stand behind somebody else's head."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_runner.errors import HistoryError
from migration_runner.history.history import History, Revision


@dataclass(frozen=True)
class Move:
    """A revision that gets another parent; None before is the base."""

    revision: str
    file: Path
    before: str | None
    after: str

    def sentence(self) -> str:
        """Say what happens."""
        before = f"was {self.before}" if self.before else "was the first"
        return f"{self.revision} now follows {self.after} ({before})."


@dataclass(frozen=True)
class Plan:
    """The moves, the heads afterwards, and the revisions that stand elsewhere then."""

    moves: Sequence[Move]
    heads: Sequence[str]
    moved: frozenset[str]


def plan_rebase(history: History, own: Collection[str], first: Collection[str] = ()) -> Plan:
    """Return how the `own` revisions are put behind the others; those in `first` come first.

    Raises `HistoryError` if that is not clear.
    """
    revisions = history.revisions
    own = set(own) & revisions.keys()
    heads = sorted(history.heads)
    if len(heads) < 2:  # noqa: PLR2004 - there is nothing to put behind another
        return Plan((), heads, frozenset())
    if not own:
        message = (
            f"The history has the heads {', '.join(heads)}, and none of them is your own: they are"
            " in the other branch, too. Merge them (`migrate merge heads -m '...'`), or name"
            " another branch with --base."
        )
        raise HistoryError(message, reason="several_heads", heads=heads)
    _require_movable(history, own)
    others = _heads_without(history, own)
    parents: dict[str, str] = {}
    last: dict[str, str] = {}
    for revision in _in_order(history, own, others, first):
        head = _head_for(history, own, others, revision)
        parents[revision] = last.get(head, head)
        last[head] = revision
    moves = [
        Move(each, Path(revisions[each].path), _parent(revisions[each]), parent)
        for each, parent in parents.items()
        if _parent(revisions[each]) != parent
    ]
    changed = {move.revision for move in moves}
    moved = {each for each in own if changed & _ancestors_among(history, each, own)}
    return Plan(moves, sorted({*others, *last.values()} - {*parents.values()}), frozenset(moved))


def require_not_applied(plan: Plan, applied: Collection[str], database: str) -> None:
    """Raise `HistoryError` if the database has a revision that is to be moved."""
    if there := sorted(plan.moved.intersection(applied)):
        before = plan.moves[0].before or "base"
        message = (
            f"{database} has {', '.join(there)} already: moved, it would not be what was applied"
            f" there. Undo it first (`migrate downgrade {before}`), or merge the heads (`migrate"
            " merge heads -m '...'`). No file was changed."
        )
        raise HistoryError(message, reason="applied", revisions=there)


def _parent(revision: Revision) -> str | None:
    down = _down(revision)
    return down[0] if down else None


def _down(revision: Revision) -> list[str]:
    return [each for each in revision.parents if each not in revision.dependencies]


def _require_movable(history: History, own: set[str]) -> None:
    for revision in history.revisions.values():
        down = _down(revision)
        if revision.id in own and len(down) > 1:
            message = (
                f"{revision.path} is a merge of {', '.join(down)}, and your own: delete the file,"
                " and run `migrate rebase` again, which makes it unnecessary."
            )
            raise HistoryError(message, reason="own_merge", revision=revision.id)
        if revision.id not in own and (below := sorted(own.intersection(down))):
            message = (
                f"{revision.path} is not your own, and is on top of {', '.join(below)}, which is:"
                " name with --base the branch that has neither, or both."
            )
            raise HistoryError(message, reason="not_own", revision=revision.id)


def _heads_without(history: History, own: set[str]) -> list[str]:
    """Return the heads of the revisions that are not one's own."""
    rest = [each for each in history.revisions.values() if each.id not in own]
    below = {parent for each in rest for parent in _down(each)}
    return sorted(each.id for each in rest if each.id not in below)


def _head_for(history: History, own: set[str], others: Sequence[str], revision: str) -> str:
    """Return the head to be put behind: the one that has the parent of one's own below it."""
    root = revision
    while (parent := _parent(history.revisions[root])) is not None and parent in own:
        root = parent
    if parent in others:
        return str(parent)
    found = [each for each in others if parent is None or parent in history.with_ancestors([each])]
    if len(found) == 1:
        return found[0]
    path = history.revisions[root].path
    message = (
        f"{path} could follow each of {', '.join(found)}: merge these first (`migrate merge`)."
        if found
        else f"There is no head that {path} could follow: every head is your own. Name with --base"
        " the branch that has the others."
    )
    raise HistoryError(message, reason="several_heads", heads=sorted(history.heads))


def _in_order(
    history: History, own: set[str], others: Sequence[str], first: Collection[str]
) -> list[str]:
    """Return one's own revisions, each chain as it is; those behind a head already come first."""
    revisions = history.revisions

    def rank(each: str) -> tuple[bool, bool, str]:
        there = _parent(revisions[each]) in others
        return each not in first, not there, Path(revisions[each].path).name

    ordered: list[str] = []
    ahead = sorted((each for each in own if _parent(revisions[each]) not in own), key=rank)
    while ahead:
        # A revision may depend on one of another chain.
        name = next(
            each for each in ahead if own.intersection(revisions[each].parents) <= {*ordered}
        )
        ahead.remove(name)
        ordered.append(name)
        above = (each for each in own if _parent(revisions[each]) == name)
        ahead = [*sorted(above, key=rank), *ahead]
    return ordered


def _ancestors_among(history: History, revision: str, own: set[str]) -> set[str]:
    """Return a revision and those below it that are one's own."""
    return history.with_ancestors([revision]) & own
