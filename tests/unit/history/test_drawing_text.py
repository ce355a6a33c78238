"""The history as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping

from hypothesis import given
from hypothesis import strategies as st

from migration_runner.history.drawing_svg import render_svg
from migration_runner.history.drawing_text import render_text
from migration_runner.history.history import History, Revision
from migration_runner.history.layout import lay_out
from tests.fixtures.graphs import BRANCHED, LINE, Parents, make_graph, make_history, shapes

LEGEND = "(head) = newest, (current) = the database's revision"


def _text(
    parents: Parents,
    *,
    at: Collection[str] | None,
    dependencies: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    return render_text(make_graph(parents, at=at, dependencies=dependencies)).splitlines()


def test_a_line_with_what_is_applied_and_what_is_pending() -> None:
    assert [
        "o  r3 Make r3. (head)",
        "*  r2 Make r2. (current)",
        "*  r1 Make r1.",
        "",
        f"* applied: 2, o pending: 1, {LEGEND}",
    ] == _text(LINE, at=["r2"])


def test_without_a_database_nothing_is_marked_but_heads() -> None:
    graph = make_graph(LINE, at=None)

    assert [None] * 3 == [node.mark for node in graph.nodes.values()]
    assert ["r3"] == [name for name, node in graph.nodes.items() if node.head]
    assert [
        "*  r3 Make r3. (head)",
        "*  r2 Make r2.",
        "*  r1 Make r1.",
        "",
        "* revisions: 3 (without a database), (head) = newest",
    ] == render_text(graph).splitlines()


def test_an_empty_database_has_everything_before_it() -> None:
    assert f"* applied: 0, o pending: 3, {LEGEND}" == _text(LINE, at=[])[-1]


def test_a_branch_and_a_merge() -> None:
    assert [
        "o      merge Make merge. (head)",
        "|\\",
        "| *    side Make side. (current)",
        "| | o  other Make other. (head)",
        "|_|/",
        "* |    r3 Make r3. (current)",
        "|/",
        "*      r2 Make r2.",
        "*      r1 Make r1.",
        "",
        f"* applied: 4, o pending: 2, {LEGEND}",
    ] == _text(BRANCHED, at=["r3", "side"])


def test_a_merge_of_many_crosses_what_is_in_between() -> None:
    ends: Parents = {name: ["r"] for name in "abcd"}
    text = _text({"r": [], **ends, "m": ["a", "b", "c"], "top": ["m", "d"]}, at=None)

    assert [
        "*        top Make top. (head)",
        "|\\",
        "*-|--.   m Make m.",
        "| |\\ \\",
        "* | | |  a Make a.",
        "| | * |  b Make b.",
        "|_|/  |",
        "| |   *  c Make c.",
        "|_|__/",
        "| *      d Make d.",
        "|/",
        "*        r Make r.",
    ] == text[:-2]


def test_the_main_line_goes_straight_and_the_other_comes_over() -> None:
    """The root is first reached on a lane further right."""
    parents: Parents = {"r": [], "a": ["r"], "c": ["a"], "b": ["c", "r"], "m": ["a", "b"]}

    assert [
        "*      m Make m. (head)",
        "|\\",
        "| *    b Make b.",
        "| |\\",
        "| * |  c Make c.",
        "|/  |",
        "*   |  a Make a.",
        "|__/",
        "*      r Make r.",
    ] == _text(parents, at=None)[:-2]


def test_many_lines_that_meet_and_cross() -> None:
    """Also several from one revision to the left, and to both sides."""
    parents: Parents = {
        "r": [],
        **{name: ["r"] for name in "pqs"},
        "t": ["p", "s"],
        "m": ["p", "q", "s"],
        "top": ["m"],
        "x": ["q", "p", "s"],
        "y": ["q", "r", "t"],
    }

    assert [
        "*          top Make top. (head)",
        "*--.       m Make m.",
        "|\\ \\",
        "| | | *    y Make y. (head)",
        "| | | |\\",
        "| |_|/| |",
        "| | | | *  t Make t.",
        "| | |_|/|",
        "|_|_|_|/",
        "| | | | *  x Make x. (head)",
        "| | |_|/|",
        "| |_|_|/|",
        "|_|_|_|/",
        "| * | |    q Make q.",
        "| |_|/",
        "* | |      p Make p.",
        "|/  |",
        "|   *      s Make s.",
        "|__/",
        "*          r Make r.",
    ] == _text(parents, at=None)[:-2]


def test_two_lines_of_their_own_do_not_seem_to_be_one() -> None:
    assert [
        "*  b2 Make b2. (head)",
        "*  b1 Make b1.",
        "",
        "*  a1 Make a1. (head)",
    ] == _text({"a1": [], "b1": [], "b2": ["b1"]}, at=None)[:-2]


def test_a_dependency_is_told_in_words_and_has_no_line() -> None:
    parents: Parents = {"r1": [], "b1": [], "b2": ["b1"], "r2": ["r1", "b2"]}

    graph = make_graph(parents, at=["b2"], dependencies={"r2": ["b2", "b1"]})

    assert (("r1",), ("b2",)) == (graph.nodes["r2"].downs, graph.nodes["r2"].needs)
    assert [
        "o  r2 Make r2. (head)  needs b2",
        "o  r1 Make r1.",
        "",
        "*  b2 Make b2. (current)",
        "*  b1 Make b1.",
    ] == render_text(graph).splitlines()[:-2]


def test_a_parent_that_is_named_twice_is_one() -> None:
    assert ("r1",) == make_graph({"r1": [], "r2": ["r1", "r1"]}, at=None).nodes["r2"].downs


def test_labels_are_there_and_a_description_may_be_missing() -> None:
    history = make_history({"r1": []}, labels={"r1": "shop billing"})
    revision = history.revisions["r1"]
    nameless = Revision("r1", (), revision.labels, "", "")

    assert "*  r1 (billing, shop) Make r1. (head)" == _first(history)
    assert "*  r1 (billing, shop) (head)" == _first(History({"r1": nameless}, ("r1",)))


def _first(history: History) -> str:
    return render_text(lay_out(history, at=None)).splitlines()[0]


def test_of_a_database_at_an_unknown_revision_only_what_is_below_is_certain() -> None:
    graph = make_graph(BRANCHED, at=["r2", "newer"])

    assert ["applied" if name in ("r1", "r2") else None for name in graph.nodes] == [
        node.mark for node in graph.nodes.values()
    ]
    lines = render_text(graph).splitlines()
    assert "?      merge Make merge. (head)" == lines[0]
    assert lines[-1] == (
        f"* applied: 2, o pending: 0, ? unknown: 4, {LEGEND}."
        " The database is at newer, which is not in this history"
    )


def test_what_else_is_known_to_be_applied_is_marked_but_not_current() -> None:
    graph = lay_out(make_history(LINE), at=["newer"], applied=["r3"])

    assert ["applied"] * 3 == [node.mark for node in graph.nodes.values()]
    assert not any(node.current for node in graph.nodes.values())


@given(shape=shapes(), at=st.none() | st.just([]))
def test_every_revision_has_its_line_of_text(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]], at: list[str] | None
) -> None:
    graph = make_graph(shape[0], at=at, dependencies=shape[1])

    lines = [line for line in render_text(graph).splitlines() if "Make" in line]

    assert len(graph.nodes) == len(lines)
    for line, (name, node) in zip(lines, graph.nodes.items(), strict=True):
        assert ("*" if at is None else "o") == line[2 * node.lane]
        assert name in line
    ET.fromstring(render_svg(graph))  # noqa: S314 - the renderer's own text
