"""Shards: every target is in exactly one, and stays there. And targets by name and label."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.errors import UsageError
from migration_runner.fleet.selection import Shard, parse_shard, select_targets
from migration_runner.fleet.targets import Target

# What a name can be.
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
NAME_LISTS = st.lists(NAMES, unique=True, max_size=60)
COUNTS = st.integers(1, 200)


def _targets(names: list[str]) -> list[Target]:
    return [Target(name, schema=name) for name in names]


def _select(names: list[str], shard: Shard) -> list[str]:
    return [target.name for target in select_targets(_targets(names), shard=shard)]


@given(NAME_LISTS, COUNTS)
def test_every_target_is_in_exactly_one_shard(names: list[str], count: int) -> None:
    """Of any number of targets, with any number of shards."""
    found = [name for index in range(count) for name in _select(names, Shard(index, count))]
    assert Counter(names) == Counter(found)


@given(NAME_LISTS, NAME_LISTS, NAMES, COUNTS)
def test_a_shard_depends_on_no_other_target(
    some: list[str], others: list[str], name: str, count: int
) -> None:
    """When tenants come and go, the others stay where they are."""

    def shard_among(names: list[str]) -> list[int]:
        names = list(dict.fromkeys([*names, name]))
        return [index for index in range(count) if name in _select(names, Shard(index, count))]

    assert shard_among(some) == shard_among(others)


@given(NAME_LISTS, COUNTS, st.data())
def test_the_order_is_kept(names: list[str], count: int, data: st.DataObject) -> None:
    """A shard works in the order of the list."""
    index = data.draw(st.integers(0, count - 1))
    found = _select(names, Shard(index, count))
    assert sorted(found, key=names.index) == found


@pytest.mark.parametrize(
    ("name", "of_eight", "of_a_thousand"),
    [
        ("acme", 0, 872),
        ("bolt", 3, 731),
        ("tenant_00001", 1, 969),
        ("tenant_00002", 3, 915),
        ("münchen", 3, 83),
        ("日本", 3, 331),
    ],
)
def test_the_hash_never_changes(name: str, of_eight: int, of_a_thousand: int) -> None:
    """Two releases that work on one fleet, one after the other, must agree."""
    assert Shard(of_eight, 8).has(name)
    assert Shard(of_a_thousand, 1000).has(name)


def test_shards_are_of_similar_size() -> None:
    """Names that differ by a number, as tenants' do."""
    names = [f"tenant_{number:05}" for number in range(8000)]
    sizes = [len(_select(names, Shard(index, 8))) for index in range(8)]
    assert max(sizes) < 1.1 * min(sizes)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_shard_is_read_as_it_is_written(index: int, count: int) -> None:
    """From `0/N` to `N-1/N`, as an Indexed Job counts."""
    text = f"{index}/{count}"
    if index < count:
        assert Shard(index, count) == parse_shard(text)
        return
    with pytest.raises(ValueError, match="must be I/N, with I from 0 to N - 1"):
        parse_shard(text)


@pytest.mark.parametrize(
    "text",
    ["", "/", "3", "3/", "/8", "0/0", "8/8", "9/8", "-1/8", "+1/8", "1/-8", "1/8/2", "1.0/8",
     " 1/8", "1/8 ", "a/b", "1_0/80", "\u0661/\u0668", "²/8", "1|8", "0x1/8", "1" * 5000 + "/2",
     "1/" + "9" * 5000],
)  # fmt: skip
def test_a_wrong_shard_is_explained(text: str) -> None:
    """In one short sentence, whatever it is."""
    with pytest.raises(ValueError, match="must be I/N, with I from 0 to N - 1") as caught:
        parse_shard(text)
    assert len(str(caught.value)) < 120


ACME = Target("acme", schema="acme", labels=frozenset({"ring=canary", "region=eu"}))
BOLT = Target("bolt", schema="bolt", labels=frozenset({"region=eu"}))
CRATE = Target("crate", schema="crate", labels=frozenset({"region=us"}))
ALL = [ACME, BOLT, CRATE]


@pytest.mark.parametrize(
    ("only", "labels", "expected"),
    [
        ([], [], [ACME, BOLT, CRATE]),
        (["crate", "acme"], [], [ACME, CRATE]),
        (["acme", "acme"], [], [ACME]),
        ([], ["region=eu"], [ACME, BOLT]),
        ([], ["ring=canary", "region=us"], [ACME, CRATE]),
        (["acme", "crate"], ["region=us"], [CRATE]),
    ],
)
def test_names_and_labels_are_chosen(
    only: list[str], labels: list[str], expected: list[Target]
) -> None:
    """Those that are named, and have one of the labels; in the order of the list."""
    assert expected == select_targets(ALL, only=only, labels=labels)


@pytest.mark.parametrize(
    ("only", "labels", "message"),
    [
        (["acm"], [], "There is no target 'acm' (did you mean acme?)."),
        (["acme", "zzz"], [], "There is no target 'zzz'."),
        ([], ["region=eru"], "No target has the label 'region=eru' (did you mean region=eu?)."),
        ([], ["region=eu", "zzz"], "No target has the label 'zzz'."),
        (["acme"], ["region=us"], "None of the targets of --only has a label of --select."),
    ],
)
def test_what_no_target_has_is_an_error(only: list[str], labels: list[str], message: str) -> None:
    """With what is most like it: a typo must not migrate nothing, and succeed."""
    with pytest.raises(UsageError) as caught:
        select_targets(ALL, only=only, labels=labels)
    assert message == caught.value.message


def test_a_name_in_another_shard_is_no_error() -> None:
    """Each shard has the same arguments."""
    index = next(index for index in range(2) if not Shard(index, 2).has("acme"))
    assert [] == select_targets(ALL, only=["acme"], shard=Shard(index, 2))
