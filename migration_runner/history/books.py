"""Version table, ledger and history against each other: what contradicts, proves, is unrecorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from migration_runner.history.relation import AHEAD, UNPROVED, Relation, relate
from migration_runner.history.witnesses import SHADOWED, Row_co, Witnesses

# What contradicts, beside a doubtful version table. The history has revisions below the heads that
# were not applied, or were undone;
NEVER_RAN: Final = "never_ran"
UNDONE: Final = "undone"
# or above them, and the ledger has them below.
RAN_ALREADY: Final = "ran_already"


@dataclass(frozen=True)
class Contradiction:
    """What contradicts what.

    `revisions` are the history's that it is about; `child` the recorded one above them. `there` are
    the heads if their changes are in the database, `absent` if they are not.
    """

    kind: str
    revisions: tuple[str, ...] = ()
    child: str | None = None
    there: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Books(Witnesses[Row_co]):
    """What follows from the three witnesses."""

    def find_contradiction(self) -> Contradiction | None:
        """Return what contradicts what, if anything does."""
        return self._contradiction

    @cached_property
    def _contradiction(self) -> Contradiction | None:
        return self._find_doubt() or self._find_below() or self._find_above()

    def relate(self) -> Relation:
        """Return the relation of the database to the history.

        Ahead is not proved if only the files have some revision below the heads. That it is there,
        is not excluded if what is below a revision that the image does not have is not known.
        """
        found = relate(self.history, self.table.heads, self.proving())
        if found.kind == AHEAD and self._by_files_only():
            return dataclasses.replace(found, kind=UNPROVED)
        return found

    def proving(self) -> dict[str, Row_co]:
        """Return the rows that prove what is below a revision.

        A row of what was undone proves nothing, nor does the row of a head that was written since:
        it may have been applied again, above others.
        """
        newer = self.table.rewritten or ()
        return {each: self.ledger[each] for each in self.active() if each not in newer}

    def unrecorded(self) -> list[str]:
        """Return what is to be recorded as applied by other means; nothing under a contradiction.

        If others have written the version table, that includes the revisions whose rows have other
        parents than the history: they may have been applied again.
        """
        if self.find_contradiction():
            return []
        applied = self.history.with_ancestors(self.table.heads)
        missing = {each for each in applied if not self.is_active(each)}
        newer = applied & (self.table.rewritten or frozenset())
        if newer or missing.intersection(self.table.heads):
            missing |= newer | self.outdated(applied)
        return self.history.in_order(missing)

    def re_pointed(self) -> dict[str, tuple[str, ...]]:
        """Return recorded revisions that the history has moved, with the parents to be recorded.

        So that the ledger follows what the version table will say from now on. Parents that the
        history no longer has stay: they were applied, and it may have been squashed.
        """
        if self.find_contradiction():
            return {}
        applied = self.history.with_ancestors(self.table.heads)
        moved = {}
        for each in applied.difference(self.unrecorded()):
            recorded = self.ledger[each].parents
            gone = self.history.unknown(recorded)
            parents = tuple(dict.fromkeys((*self.history.revisions[each].parents, *gone)))
            if set(parents) != set(recorded):
                moved[each] = parents
        return {each: moved[each] for each in self.history.in_order(moved)}

    def outdated(self, revisions: Collection[str]) -> set[str]:
        """Return those of `revisions` that are not recorded as applied with the history's parents.

        They are what a stamp records along with its target.
        """
        known = self.history.revisions
        return {
            each
            for each in revisions
            if not self.is_active(each)
            or set(self.ledger[each].parents) != set(known[each].parents)
        }

    def _find_doubt(self) -> Contradiction | None:
        table = self.table
        if not table.doubt:
            return None
        standing = table.standing
        if table.heads or table.doubt == SHADOWED:
            # Of some rows, or of another table, only what is pending says anything.
            standing = tuple(
                each
                for each in standing
                if each in self.history.revisions and each not in self.below
            )
        if not standing and not table.closed:
            return None
        below = {parent for each in standing for parent in self.ledger_parents(each)}
        there = tuple(sorted({*table.heads, *standing} - below))
        return Contradiction(table.doubt, standing, there=there, absent=table.heads)

    def _find_below(self) -> Contradiction | None:
        """Find what the history has below the heads, and what never ran, or was undone."""
        heads, recorded = self.table.heads, self.recorded_below
        ours = [each for each in self.below if each in self.history.revisions]
        never = self._by_files_only()
        if never and self.has_gap(recorded):
            never = []
        if never:
            child = next(self._children_of(never, recorded), None)
            return Contradiction(NEVER_RAN, tuple(self.history.in_order(never)), child, there=heads)
        if self.table.rewritten == frozenset() and all(map(self.is_active, heads)):
            # Nobody but the runner has written the version table: what it undid is not there.
            undone = [each for each in ours if self.is_undone(each)]
            if undone:
                child = next(self._children_of(undone, recorded), None)
                return Contradiction(
                    UNDONE, tuple(self.history.in_order(undone)), child, there=heads
                )
        return None

    def _by_files_only(self) -> list[str]:
        """Return the history's revisions that are below the heads by its files only."""
        return [
            each
            for each in self.below
            if each in self.history.revisions and each not in self.recorded_below
        ]

    def _find_above(self) -> Contradiction | None:
        """Find what the history has above the heads, and the ledger below them."""
        recorded = self.recorded_below
        again = self.history.in_order(
            each for each in recorded - self.below if self.is_active(each)
        )
        if not again:
            return None
        heads = self.table.heads
        there = self.history.heads_after(
            [each for each in heads if each in self.history.revisions], again
        )
        child = next(self._recorded_children_of(again, recorded), None)
        return Contradiction(RAN_ALREADY, tuple(again), child, there=there, absent=heads)

    def _children_of(self, revisions: Collection[str], among: Collection[str]) -> Iterator[str]:
        for each in self.history.in_order(among):
            if not set(revisions).isdisjoint(self.history.revisions[each].parents):
                yield each

    def _recorded_children_of(
        self, revisions: Collection[str], among: Collection[str]
    ) -> Iterator[str]:
        for each in sorted(among):
            if self.is_active(each) and not set(revisions).isdisjoint(self.ledger[each].parents):
                yield each
