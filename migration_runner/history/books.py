"""Version table, ledger and history against each other: what contradicts, proves, is unrecorded.

Each of the three describes what is below the database's heads: the history by its files, the ledger
by the parents that each revision had when it was recorded. Plain Alembic changes the version table
without the ledger, so a row is evidence only for as long as nothing newer contradicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from migration_runner.history.history import History
from migration_runner.history.relation import Recorded, Relation, relate

# Contradictions: what the history has below the heads was not applied, or was undone;
NEVER_RAN: Final = "never_ran"
UNDONE: Final = "undone"
# what it would apply is recorded as applied, below the heads;
RAN_ALREADY: Final = "ran_already"
# and the version table is not the one that the ledger knows.
MISSING: Final = "version_table_missing"
HIDDEN: Final = "version_rows_hidden"
SHADOWED: Final = "version_table_shadowed"


class Row(Recorded, Protocol):
    """A revision's last row in the ledger."""

    @property
    def direction(self) -> str:
        """What was done: `upgrade`, `adopted`, `stamp` or `downgrade`."""


_Row_co = TypeVar("_Row_co", bound=Row, covariant=True)


@dataclass(frozen=True)
class VersionTable:
    """The version table: what was read, and what makes that doubtful.

    `rewritten` are the heads that were written after the ledger's newest row, so not by the runner;
    None if that is not known. `doubt` is `MISSING`, `HIDDEN`, `SHADOWED`, or empty; `standing` the
    revisions that are then recorded as applied, for `SHADOWED` in the schema `elsewhere`. `closed`:
    no row can be visible or be written.
    """

    heads: tuple[str, ...]
    rewritten: frozenset[str] | None = None
    doubt: str = ""
    standing: tuple[str, ...] = ()
    elsewhere: str = ""
    closed: bool = False


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


@dataclass(frozen=True)
class Books(Generic[_Row_co]):
    """The three of them; `ledger` has each revision's last row."""

    history: History
    table: VersionTable
    ledger: Mapping[str, _Row_co]

    def find_contradiction(self) -> Contradiction | None:
        """Return what contradicts what, if anything does."""
        return self._contradiction

    @cached_property
    def _contradiction(self) -> Contradiction | None:
        return self._find_doubt() or self._find_below() or self._find_above()

    @cached_property
    def _below(self) -> set[str]:
        """The heads and what is below them, by the files first."""
        return self._walk(self._by_history)

    @cached_property
    def _recorded_below(self) -> set[str]:
        """The heads and what is below them, by the recorded parents first."""
        return self._walk(self._by_ledger)

    def relate(self) -> Relation:
        """Return the relation of the database to the history."""
        return relate(self.history, self.table.heads, self.proving())

    def proving(self) -> dict[str, _Row_co]:
        """Return the rows that prove what is below a revision.

        A row of what was undone proves nothing, nor does the row of a head that was written since:
        it may have been applied again, above others.
        """
        newer = self.table.rewritten or ()
        return {each: self.ledger[each] for each in self._active() if each not in newer}

    def unrecorded(self) -> list[str]:
        """Return what is to be recorded as applied by other means; nothing under a contradiction.

        If others have written the version table, that includes the revisions whose rows have other
        parents than the history: they may have been applied again.
        """
        if self.find_contradiction():
            return []
        applied = self.history.with_ancestors(self.table.heads)
        missing = {each for each in applied if not self._is_active(each)}
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
            if not self._is_active(each)
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
                if each in self.history.revisions and each not in self._below
            )
        if not standing and not table.closed:
            return None
        below = {parent for each in standing for parent in self.ledger_parents(each)}
        there = tuple(sorted({*table.heads, *standing} - below))
        return Contradiction(table.doubt, standing, there=there, absent=table.heads)

    def ledger_parents(self, revision: str) -> Sequence[str]:
        """Return a revision's recorded parents."""
        return self.ledger[revision].parents if revision in self.ledger else ()

    def _find_below(self) -> Contradiction | None:
        """Find what the history has below the heads, and what never ran, or was undone."""
        heads, recorded = self.table.heads, self._recorded_below
        ours = [each for each in self._below if each in self.history.revisions]
        never = [each for each in ours if each not in recorded]
        if never and self._has_gap(recorded):
            never = []
        if never:
            child = next(self._children_of(never, recorded), None)
            return Contradiction(NEVER_RAN, tuple(self.history.in_order(never)), child, there=heads)
        if self.table.rewritten == frozenset() and all(map(self._is_active, heads)):
            # Nobody but the runner has written the version table: what it undid is not there.
            undone = [each for each in ours if self._is_undone(each)]
            if undone:
                child = next(self._children_of(undone, recorded), None)
                return Contradiction(
                    UNDONE, tuple(self.history.in_order(undone)), child, there=heads
                )
        return None

    def _find_above(self) -> Contradiction | None:
        """Find what the history has above the heads, and the ledger below them."""
        recorded = self._recorded_below
        again = self.history.in_order(
            each for each in recorded - self._below if self._is_active(each)
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
            if self._is_active(each) and not set(revisions).isdisjoint(self.ledger[each].parents):
                yield each

    def _walk(self, parents: Callable[[str], Sequence[str] | None]) -> set[str]:
        """Return the heads and what is below them."""
        found: set[str] = set()
        ahead = list(self.table.heads)
        while ahead:
            revision = ahead.pop()
            if revision not in found:
                found.add(revision)
                ahead += parents(revision) or ()
        return found

    def _by_history(self, revision: str) -> Sequence[str] | None:
        """Return a revision's parents: by its file if the history has it, or by its row."""
        known = self.history.revisions.get(revision)
        return known.parents if known else self._recorded(revision)

    def _by_ledger(self, revision: str) -> Sequence[str] | None:
        """Return a revision's parents: by its row if it is recorded as applied, or by its file."""
        recorded = self._recorded(revision)
        if recorded is not None:
            return recorded
        known = self.history.revisions.get(revision)
        return known.parents if known else None

    def _recorded(self, revision: str) -> Sequence[str] | None:
        return self.ledger[revision].parents if self._is_active(revision) else None

    def _has_gap(self, walked: Collection[str]) -> bool:
        """Whether what is below some of these is not known: everything could be."""
        return any(self._by_ledger(each) is None for each in walked)

    def _active(self) -> list[str]:
        return [each for each in self.ledger if self._is_active(each)]

    def _is_active(self, revision: str) -> bool:
        return revision in self.ledger and not self._is_undone(revision)

    def _is_undone(self, revision: str) -> bool:
        return revision in self.ledger and self.ledger[revision].direction == "downgrade"
