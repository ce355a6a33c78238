"""What contradicts what, what proves, and what is recorded: one case each."""

from __future__ import annotations

import pytest

from migration_runner.history.books import NEVER_RAN, RAN_ALREADY, UNDONE, Books, Contradiction
from migration_runner.history.relation import AHEAD, UNPROVED
from migration_runner.history.witnesses import HIDDEN, MISSING, VersionTable
from tests.fixtures.books import Row
from tests.fixtures.graphs import Parents, make_history

LINE: Parents = {"r1": [], "r2": ["r1"]}
BELOW: Parents = {"r1": [], "x": ["r1"], "r2": ["x"]}
SWAPPED: Parents = {"r2": [], "r1": ["r2"]}
NOTHING: frozenset[str] = frozenset()


def _ledger(**rows: tuple[str, str]) -> dict[str, Row]:
    """Return a row for each revision: its direction and its parents."""
    return {
        name: Row(name, direction, tuple(parents.split()), number)
        for number, (name, (direction, parents)) in enumerate(rows.items())
    }


RECORDED = _ledger(r1=("upgrade", ""), r2=("upgrade", "r1"))


def _books(
    parents: Parents,
    *heads: str,
    ledger: dict[str, Row] = RECORDED,
    rewritten: frozenset[str] | None = NOTHING,
) -> Books[Row]:
    return Books(make_history(parents), VersionTable(heads, rewritten), ledger)


@pytest.mark.parametrize(
    ("books", "expected"),
    [
        (_books(LINE, "r2"), None),
        (_books(LINE, "r1", rewritten=frozenset({"r1"})), None),
        (_books(LINE), None),
        (_books(BELOW, "r2"), Contradiction(NEVER_RAN, ("x",), "r2", ("r2",))),
        (
            _books(SWAPPED, "r2"),
            Contradiction(RAN_ALREADY, ("r1",), "r2", ("r1",), ("r2",)),
        ),
        # Removed, squashed under its own id, or with a lost row: nothing of ours is in doubt.
        (_books({"r2": []}, "r2"), None),
        (_books({"s": [], "r2": ["s"]}, "r2", ledger=_ledger(r2=("upgrade", "r1"))), None),
        # Plain Alembic has applied it.
        (_books({**LINE, "r3": ["r2"]}, "r3", rewritten=frozenset({"r3"})), None),
    ],
)
def test_contradictions(books: Books[Row], expected: Contradiction | None) -> None:
    assert expected == books.find_contradiction()


UNDONE_BELOW = _ledger(r1=("upgrade", ""), r3=("upgrade", "r2"), r2=("downgrade", "r1"))


def test_what_the_runner_has_undone_is_not_there_unless_others_have_written_since() -> None:
    three: Parents = {**LINE, "r3": ["r2"]}
    found = [
        _books(three, "r3", ledger=UNDONE_BELOW, rewritten=newer).find_contradiction()
        for newer in (NOTHING, frozenset({"r3"}), None)
    ]

    assert [Contradiction(UNDONE, ("r2",), "r3", ("r3",)), None, None] == found


@pytest.mark.parametrize(
    ("direction", "rewritten", "expected"),
    [
        ("upgrade", NOTHING, AHEAD),
        ("adopted", None, AHEAD),
        ("upgrade", frozenset({"r2"}), UNPROVED),
        ("downgrade", NOTHING, UNPROVED),
    ],
)
def test_what_proves_that_a_database_is_ahead(
    direction: str, rewritten: frozenset[str] | None, expected: str
) -> None:
    ledger = _ledger(r1=("upgrade", ""), r2=(direction, "r1"))

    books = _books({"r1": []}, "r2", ledger=ledger, rewritten=rewritten)

    assert expected == books.relate().kind


def test_a_revision_that_was_inserted_below_a_head_is_not_proved_by_another_head() -> None:
    """Nobody knows what is below `gone`: perhaps `x`, perhaps not."""
    ledger = _ledger(r1=("upgrade", ""), r2=("adopted", "r1"))

    books = _books({"r1": [], "x": ["r1"], "r2": ["x"]}, "r2", "gone", ledger=ledger)

    assert UNPROVED == books.relate().kind


def test_what_others_may_have_applied_again_is_recorded_again() -> None:
    """The head, and what the ledger has in another place."""
    moved: Parents = {"r1": [], "x": ["r1"], "y": ["x"]}
    ledger = _ledger(r1=("upgrade", ""), r2=("upgrade", "r1"), x=("upgrade", "r2"))

    assert ["x"] == _books(moved, "x", ledger=ledger, rewritten=frozenset({"x"})).unrecorded()
    assert ["x", "y"] == _books(moved, "y", ledger=ledger).unrecorded()
    assert [] == _books(moved, "x", ledger=ledger).unrecorded()


def test_nothing_is_recorded_under_a_contradiction() -> None:
    books = _books({**BELOW, "r3": ["r2"]}, "r3")

    assert ([], {}) == (books.unrecorded(), books.re_pointed())


def test_a_moved_revision_keeps_the_parents_that_are_gone() -> None:
    swapped: Parents = {"r1": [], "r3": ["r1"], "r2": ["r3"], "r4": ["r2"]}
    ledger = _ledger(
        r0=("upgrade", ""),
        r1=("upgrade", "r0"),
        r2=("upgrade", "r1"),
        r3=("upgrade", "r2"),
        r4=("upgrade", "r3"),
    )

    moved = _books(swapped, "r4", ledger=ledger).re_pointed()

    assert {"r3": ("r1",), "r2": ("r3",), "r4": ("r2",)} == moved


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (VersionTable((), doubt=MISSING), None),
        (
            VersionTable((), doubt=MISSING, standing=("r1", "r2")),
            Contradiction(MISSING, ("r1", "r2"), there=("r2",)),
        ),
        (VersionTable((), doubt=HIDDEN, closed=True), Contradiction(HIDDEN)),
        (VersionTable(("r2",), doubt=HIDDEN, standing=("r1", "r2")), None),
        (
            VersionTable(("r1",), doubt=HIDDEN, standing=("r1", "r2")),
            Contradiction(HIDDEN, ("r2",), there=("r2",), absent=("r1",)),
        ),
    ],
)
def test_a_doubtful_version_table(table: VersionTable, expected: Contradiction | None) -> None:
    assert expected == Books(make_history(LINE), table, RECORDED).find_contradiction()
