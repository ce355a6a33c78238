"""Which revisions get which parent."""

from __future__ import annotations

import pytest

from migration_runner.errors import HistoryError
from migration_runner.history.history import History, Revision
from migration_runner.workshop.rebase import plan_rebase, require_not_applied


def _history(**parents: str | tuple[str, ...] | None) -> History:
    """Return a history of `revision=parents`; a name behind a + is only in `depends_on`."""
    revisions = {}
    for name, value in parents.items():
        names = (value,) if isinstance(value, str) else value or ()
        depends = frozenset(each[1:] for each in names if each.startswith("+"))
        all_ = tuple(each.lstrip("+") for each in names)
        revisions[name] = Revision(name, all_, frozenset(), f"{name}.py", "", None, depends)
    below = {
        parent
        for each in revisions.values()
        for parent in each.parents
        if parent not in each.dependencies
    }
    return History(revisions, tuple(sorted(revisions.keys() - below)))


def _moves(history: History, own: str, first: str = "") -> list[tuple[str, str | None, str]]:
    plan = plan_rebase(history, own.split(), first.split())
    return [(move.revision, move.before, move.after) for move in plan.moves]


def test_ones_own_goes_behind_the_others() -> None:
    history = _history(r1=None, theirs="r1", mine="r1")

    plan = plan_rebase(history, ["mine"])

    assert ["mine now follows theirs (was r1)."] == [move.sentence() for move in plan.moves]
    assert (["mine"], frozenset({"mine"})) == (list(plan.heads), plan.moved)


def test_a_chain_stays_in_order_and_only_its_first_changes() -> None:
    history = _history(r1=None, t1="r1", t2="t1", m1="r1", m2="m1", m3="m2")

    assert [("m1", "r1", "t2")] == _moves(history, "m1 m2 m3")
    assert {"m1", "m2", "m3"} == plan_rebase(history, ["m1", "m2", "m3"]).moved


def test_nothing_to_do() -> None:
    assert [] == _moves(_history(r1=None, r2="r1"), "r2")
    assert [] == _moves(_history(r1=None), "")
    assert [] == _moves(_history(), "")


def test_both_began_with_the_first_revision() -> None:
    assert [("mine", None, "theirs")] == _moves(_history(theirs=None, mine=None), "mine")
    (move,) = plan_rebase(_history(theirs=None, mine=None), ["mine"]).moves
    assert "mine now follows theirs (was the first)." == move.sentence()


def test_several_chains_of_ones_own_stand_one_behind_the_other() -> None:
    history = _history(r1=None, t="r1", b1="r1", b2="b1", a="t", c="r1")

    assert [("b1", "r1", "a"), ("c", "r1", "b2")] == _moves(history, "a b1 b2 c")
    assert ["c"] == plan_rebase(history, ["a", "b1", "b2", "c"]).heads


def test_a_fork_of_ones_own_becomes_a_chain() -> None:
    history = _history(r1=None, t="r1", m="r1", x="m", y="m")

    assert [("m", "r1", "t"), ("y", "m", "x")] == _moves(history, "m x y")


def test_what_another_branch_brings_along_comes_first() -> None:
    """By name, or because it follows the head already, another one would."""
    history = _history(r1=None, t="r1", alices="t", mine="r1")
    other = _history(r1=None, t="r1", zoes="r1", mine="r1")

    assert [("mine", "r1", "alices")] == _moves(history, "mine alices", "alices")
    assert [("zoes", "r1", "t"), ("mine", "r1", "zoes")] == _moves(other, "mine zoes", "zoes")


def test_a_revision_comes_behind_what_it_depends_on() -> None:
    history = _history(r1=None, t="r1", a=("r1", "+b"), b="r1")

    assert [("b", "r1", "t"), ("a", "r1", "b")] == _moves(history, "a b")


def test_branches_that_are_meant_to_be_stay_apart() -> None:
    history = _history(a1=None, b1=None, a2="a1", b2="b1", mine="b1")

    assert [("mine", "b1", "b2")] == _moves(history, "mine")
    assert ["a2", "mine"] == plan_rebase(history, ["mine"]).heads
    assert [] == _moves(_history(a1=None, b1=None, mine="b1"), "mine")
    assert [] == _moves(_history(a1=None, b1="+a1", mine="a1"), "mine")


@pytest.mark.parametrize(
    ("history", "own", "said"),
    [
        (_history(r1=None, a="r1", b="r1"), "", "none of them is your own"),
        (_history(r1=None, a="r1", b="r1", m="r1"), "m", "could follow each of a, b"),
        (_history(a=None, b=None), "a b", "every head is your own"),
        (_history(r1=None, t="r1", m="r1", x=("m", "t"), y="r1"), "m x y", "is a merge of m, t"),
        (_history(r1=None, m="r1", t="m", o="r1"), "m", "t.py is not your own, and is on top of m"),
    ],
)
def test_what_is_not_clear_is_refused(history: History, own: str, said: str) -> None:
    with pytest.raises(HistoryError) as caught:
        plan_rebase(history, own.split())

    assert said in caught.value.message


def test_what_is_applied_is_not_moved() -> None:
    plan = plan_rebase(_history(r1=None, t="r1", a="t", m="r1", n="m"), ["a", "m", "n"])

    require_not_applied(plan, ["r1", "t", "a"], "The database")
    with pytest.raises(HistoryError) as caught:
        require_not_applied(plan, ["r1", "m", "n"], "The database")
    assert "The database has m, n already" in caught.value.message
    assert "`migrate downgrade r1`" in caught.value.message
