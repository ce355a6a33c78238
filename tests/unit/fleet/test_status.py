"""Where all targets are: in groups, however many they are, and in one exit code."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.fleet.image import Image
from migration_runner.fleet.results import WORST_FIRST
from migration_runner.fleet.status import (
    NEWER,
    REFUSED,
    UNKNOWN,
    UNREACHABLE,
    UNREADABLE,
    FleetStatus,
    TargetStatus,
    render_status,
)
from migration_runner.history.relation import AT_HEAD, BEHIND


class _History:
    revisions = ("r1", "r2", "r3")


class _Image:
    heads = ("r3",)
    history = _History()


def _found(*statuses: TargetStatus) -> FleetStatus:
    return FleetStatus(cast("Image", _Image()), statuses)


def _many(count: int, relation: str, *heads: str, **facts: Any) -> list[TargetStatus]:
    return [TargetStatus(f"{relation[0]}{n}", relation, heads, **facts) for n in range(count)]


MIXED = _found(
    *_many(1, UNREACHABLE, detail="connection refused"),
    *_many(3, AT_HEAD, "r3"),
    TargetStatus("old1", BEHIND, ("r1",), 2),
    TargetStatus("mid1", BEHIND, ("r2",), 1),
    TargetStatus("mid2", BEHIND, ("r2",), 1),
    TargetStatus("new", BEHIND, (), 3),
    TargetStatus("u1", UNREACHABLE, detail="timeout expired"),
    TargetStatus("next", NEWER, ("r4",)),
)


def test_a_group_has_one_relation_one_revision_and_one_reason() -> None:
    """The largest of each relation first; those that need somebody last."""
    assert [
        (AT_HEAD, ("r3",), "", ["a0", "a1", "a2"]),
        (BEHIND, ("r2",), "", ["mid1", "mid2"]),
        (BEHIND, (), "", ["new"]),
        (BEHIND, ("r1",), "", ["old1"]),
        (UNREACHABLE, (), "connection refused", ["u0"]),
        (UNREACHABLE, (), "timeout expired", ["u1"]),
        (NEWER, ("r4",), "", ["next"]),
    ] == [(each.relation, each.heads, each.detail, names) for each, names in MIXED.groups()]


def test_people_read_a_table() -> None:
    """Of what differs; the names of those at head are no work."""
    expected = """\
image   r3 (3 revisions)

targets  state              at    details
3        at head            r3
2        behind             r2    1 pending: mid1 mid2
1        behind             base  3 pending: new
1        behind             r1    2 pending: old1
1        unreachable              u0 (connection refused)
1        unreachable              u1 (timeout expired)
1        not in this image  r4    next"""
    assert expected == render_status(MIXED, 80)


def test_a_fleet_at_head_is_two_lines() -> None:
    """However narrow the terminal is."""
    found = _found(*_many(300, AT_HEAD, "r3"))
    expected = ["targets  state    at  details", "300      at head  r3"]
    assert expected == render_status(found, 40).splitlines()[2:]
    assert "300" in render_status(found, 1)
    assert "image   r3 (3 revisions)" in render_status(_found(), 80)


def test_ten_thousand_targets_are_a_short_table() -> None:
    """Each refused with a text of its own; the rest is in --json."""
    found = _found(
        *_many(5000, BEHIND, "r1", pending=2),
        *(TargetStatus(f"t{n}", REFUSED, detail=f"no database t{n}") for n in range(5000)),
    )
    lines = render_status(found, 80).splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "b19 and 4980 more" in text
    assert "4990 refused others, which --json lists" in text


def test_machines_read_each_target_and_each_group() -> None:
    """Counts, and what is known of each: of one that was not reached, no revision."""
    facts = MIXED.facts()
    assert {AT_HEAD: 3, BEHIND: 4, UNREACHABLE: 2, NEWER: 1} == facts["relations"]
    assert ({"heads": ["r3"], "revisions": 3}, 10) == (facts["image"], facts["targets"])
    assert {"relation": BEHIND, "heads": ["r2"], "pending": 1, "count": 2} == facts["revisions"][1]
    by_name = {each["target"]: each for each in facts["results"]}
    assert {"target": "new", "relation": BEHIND, "heads": [], "pending": 3} == by_name["new"]
    assert {"target": "next", "relation": NEWER, "heads": ["r4"]} == by_name["next"]
    unreached = {"target": "u1", "relation": UNREACHABLE, "detail": "timeout expired"}
    assert unreached == by_name["u1"]


@pytest.mark.parametrize(
    ("relations", "code", "message"),
    [
        ([], None, ""),
        ([AT_HEAD, AT_HEAD], None, ""),
        ([AT_HEAD, BEHIND], 3, "2 targets: 1 at head, 1 behind."),
        ([UNKNOWN], 3, "1 target: 1 unknown."),
        ([BEHIND, UNREACHABLE], 69, "2 targets: 1 behind, 1 unreachable."),
        ([UNREACHABLE, UNREADABLE], 77, "2 targets: 1 unreachable, 1 unreadable."),
        ([REFUSED, UNREACHABLE], 77, "2 targets: 1 unreachable, 1 refused."),
        (
            [BEHIND, NEWER, UNREADABLE],
            65,
            "3 targets: 1 behind, 1 unreadable, 1 not in this image.",
        ),
    ],
)
def test_a_check_ends_with_the_worst(relations: list[str], code: int | None, message: str) -> None:
    """What a retry does not help comes first, as in a run."""
    verdict = _found(*(TargetStatus(f"t{n}", each) for n, each in enumerate(relations))).verdict()
    assert code == (verdict and verdict.exit_code)
    assert message == (verdict.message if verdict else "")


RELATIONS = (AT_HEAD, BEHIND, UNREACHABLE, REFUSED, UNREADABLE, UNKNOWN, NEWER)


@given(st.lists(st.sampled_from(RELATIONS), max_size=30))
def test_no_target_is_lost(relations: list[str]) -> None:
    """Each is in one group, and the check's order is that of a run."""
    found = _found(*(TargetStatus(f"t{n}", each) for n, each in enumerate(relations)))
    assert sorted(f"t{n}" for n in range(len(relations))) == sorted(
        name for _, names in found.groups() for name in names
    )
    verdict = found.verdict()
    codes = {NEWER: 65, REFUSED: 77, UNREADABLE: 77, UNREACHABLE: 69}
    there = {codes[each] for each in relations if each in codes}
    worst = next((code for code in WORST_FIRST if code in there), None)
    if worst is not None:
        assert worst == (verdict and verdict.exit_code)
