"""The three witnesses of what a database has: version table, ledger and history.

Each describes what is below the database's heads: the history by its files, the ledger by the
parents that each revision had when it was recorded. Plain Alembic changes the version table without
the ledger, so a row is evidence only for as long as nothing newer contradicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from migration_runner.history.history import History
from migration_runner.history.relation import Recorded

# The version table is not the one, or not all of it, that the ledger knows.
MISSING: Final = "version_table_missing"
HIDDEN: Final = "version_rows_hidden"
SHADOWED: Final = "version_table_shadowed"


class Row(Recorded, Protocol):
    """A revision's last row in the ledger."""

    @property
    def direction(self) -> str:
        """What was done: `upgrade`, `adopted`, `stamp` or `downgrade`."""


Row_co = TypeVar("Row_co", bound=Row, covariant=True)


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
class Witnesses(Generic[Row_co]):
    """The three of them; `ledger` has each revision's last row."""

    history: History
    table: VersionTable
    ledger: Mapping[str, Row_co]

    @cached_property
    def below(self) -> set[str]:
        """The heads and what is below them, by the files first."""
        return self._walk(self._by_history)

    @cached_property
    def recorded_below(self) -> set[str]:
        """The heads and what is below them, by the recorded parents first."""
        return self._walk(self._by_ledger)

    def ledger_parents(self, revision: str) -> Sequence[str]:
        """Return a revision's recorded parents."""
        return self.ledger[revision].parents if revision in self.ledger else ()

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
        return self.ledger[revision].parents if self.is_active(revision) else None

    def has_gap(self, walked: Collection[str]) -> bool:
        """Whether what is below some of these is not known: everything could be."""
        return any(self._by_ledger(each) is None for each in walked)

    def active(self) -> list[str]:
        """Return the revisions that are recorded as applied."""
        return [each for each in self.ledger if self.is_active(each)]

    def is_active(self, revision: str) -> bool:
        """Whether a revision is recorded as applied."""
        return revision in self.ledger and not self.is_undone(revision)

    def is_undone(self, revision: str) -> bool:
        """Whether the last that is recorded of a revision is that it was undone."""
        return revision in self.ledger and self.ledger[revision].direction == "downgrade"
