"""The history as a graph: where everything stands, and what is drawn of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Mapping
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_runner.graph_mermaid import render_mermaid
from migration_runner.graph_svg import render_svg
from migration_runner.graph_text import render_text
from migration_runner.history import History, Revision
from migration_runner.history_graph import Graph, lay_out

SVG = "{http://www.w3.org/2000/svg}"
LEGEND = "(head) nothing descends from it, (current) the database is there"
# Ids, and what is shown of them.
ODD = {
    '2024-01-01_x y"': '2024-01-01_x y"',
    'a]"-->b<script>&amp;#x;%%{init: {}}%%': 'a]"-->b<script>&amp;#x;%%{init: {}}%%',
    "two\nlines\x00\x1b[31m\ud800\ufffe\u202e.": "two lines [31m .",
    "\x07\t": r"'\x07\t'",
    "`1. _x_`": "`1. _x_`",
    "日本 😀": "日本 😀",
}

Parents = Mapping[str, Collection[str]]


def _history(parents: Parents, *, labels: Mapping[str, str] | None = None) -> History:
    revisions = {
        name: Revision(
            name,
            tuple(below),
            frozenset((labels or {}).get(name, "").split()),
            f"{name}.py",
            f"Make {name}.",
        )
        for name, below in parents.items()
    }
    descended_from = {each for below in parents.values() for each in below}
    return History(revisions, tuple(sorted(parents.keys() - descended_from)))


def _graph(
    parents: Parents,
    *,
    at: Collection[str] | None,
    dependencies: Mapping[str, Collection[str]] | None = None,
) -> Graph:
    return lay_out(_history(parents), at=at, dependencies=dependencies)


def _text(
    parents: Parents,
    *,
    at: Collection[str] | None,
    dependencies: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    return render_text(_graph(parents, at=at, dependencies=dependencies)).splitlines()


LINE: Parents = {"r1": [], "r2": ["r1"], "r3": ["r2"]}
BRANCHED: Parents = {
    "r1": [],
    "r2": ["r1"],
    "r3": ["r2"],
    "side": ["r2"],
    "merge": ["r3", "side"],
    "other": ["r3"],
}


def test_a_line_with_what_is_applied_and_what_is_pending() -> None:
    assert [
        "o  r3 Make r3. (head)",
        "*  r2 Make r2. (current)",
        "*  r1 Make r1.",
        "",
        f"* applied: 2, o pending: 1, {LEGEND}",
    ] == _text(LINE, at=["r2"])


def test_without_a_database_nothing_is_marked_but_heads() -> None:
    graph = _graph(LINE, at=None)

    assert [None] * 3 == [node.mark for node in graph.nodes.values()]
    assert ["r3"] == [name for name, node in graph.nodes.items() if node.head]
    assert [
        "*  r3 Make r3. (head)",
        "*  r2 Make r2.",
        "*  r1 Make r1.",
        "",
        "* revisions: 3 (no database was asked), (head) nothing descends from it",
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

    graph = _graph(parents, at=["b2"], dependencies={"r2": ["b2", "b1"]})

    assert (("r1",), ("b2",)) == (graph.nodes["r2"].downs, graph.nodes["r2"].needs)
    assert [
        "o  r2 Make r2. (head)  needs b2",
        "o  r1 Make r1.",
        "",
        "*  b2 Make b2. (current)",
        "*  b1 Make b1.",
    ] == render_text(graph).splitlines()[:-2]


def test_a_parent_that_is_named_twice_is_one() -> None:
    assert ("r1",) == _graph({"r1": [], "r2": ["r1", "r1"]}, at=None).nodes["r2"].downs


def test_labels_are_there_and_a_description_may_be_missing() -> None:
    history = _history({"r1": []}, labels={"r1": "shop billing"})
    revision = history.revisions["r1"]
    nameless = Revision("r1", (), revision.labels, "", "")

    assert "*  r1 (billing, shop) Make r1. (head)" == _first(history)
    assert "*  r1 (billing, shop) (head)" == _first(History({"r1": nameless}, ("r1",)))


def _first(history: History) -> str:
    return render_text(lay_out(history, at=None)).splitlines()[0]


def test_of_a_database_at_an_unknown_revision_only_what_is_below_is_certain() -> None:
    graph = _graph(BRANCHED, at=["r2", "newer"])

    assert ["applied" if name in ("r1", "r2") else None for name in graph.nodes] == [
        node.mark for node in graph.nodes.values()
    ]
    lines = render_text(graph).splitlines()
    assert "?      merge Make merge. (head)" == lines[0]
    assert lines[-1] == (
        f"* applied: 2, o pending: 0, ? not known: 4, {LEGEND}."
        " The database is at newer, which this history does not have"
    )


def test_what_else_is_known_to_be_applied_is_marked_but_not_current() -> None:
    graph = lay_out(_history(LINE), at=["newer"], applied=["r3"])

    assert ["applied"] * 3 == [node.mark for node in graph.nodes.values()]
    assert not any(node.current for node in graph.nodes.values())


def test_a_history_without_revisions() -> None:
    graph = _graph({}, at=[])

    assert [f"* applied: 0, o pending: 0, {LEGEND}. The history has no revisions"] == render_text(
        graph
    ).splitlines()
    assert 'note1["The history has no revisions"]' in render_mermaid(graph)
    assert "The history has no revisions" in _svg_texts(graph)


def test_the_flowchart() -> None:
    parents: Parents = {"r1": [], "b_1": [], "r2": ["r1", "b_1"]}

    assert [
        "flowchart BT",
        'r1["b_1<br/>Make b_1#46;"]',
        'r2["r1<br/>Make r1#46;<br/>#40;current#41;"]',
        'r3["r2<br/>Make r2#46;<br/>#40;head#41;"]',
        "r2 --> r3",
        "r1 -.-> r3",
        'legend1["applied#58; 1"]',
        'legend2["pending#58; 2"]',
        "classDef applied fill:#dcfce7,stroke:#15803d,color:#111111",
        "class r2,legend1 applied",
        "classDef pending fill:#fef3c7,stroke:#b45309,color:#111111,stroke-dasharray:4 2",
        "class r1,r3,legend2 pending",
        "classDef head stroke-width:3px",
        "class r3 head",
        "classDef current stroke:#1d4ed8,stroke-width:3px",
        "class r2 current",
    ] == [
        line.strip()
        for line in render_mermaid(
            _graph(parents, at=["r1"], dependencies={"r2": ["b_1"]})
        ).splitlines()
    ]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_whatever_an_id_is_the_flowchart_has_only_its_own_syntax(odd: str) -> None:
    history = _history({odd: [], "r2": [odd]}, labels={odd: "l#x"})

    lines = render_mermaid(lay_out(history, at=["zz]", odd])).splitlines()

    boxes = [line for line in lines if "[" in line]
    plain = r"(?:\w|[ ,-]|#\d+;|<br/>)+"
    assert 6 == len(boxes)
    assert not [line for line in boxes if not re.fullmatch(rf' +\w+\["{plain}"\]', line)]


def test_the_flowchart_has_no_markdown() -> None:
    """Emphasis and lists are text; what is inside of a word can stay as it is."""
    text = render_mermaid(_graph({"_x_ 0001_add-users 1. - *": []}, at=None))

    assert "#95;x#95; 0001_add-users 1#46; #45; #42;" in text


def _svg_texts(graph: Graph) -> list[str]:
    # The renderer's own text, which is what is tested here.
    root = ET.fromstring(render_svg(graph))  # noqa: S314
    return [text.text or "" for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(("odd", "shown"), ODD.items(), ids=ascii)
def test_whatever_an_id_is_the_svg_is_valid(odd: str, shown: str) -> None:
    history = History({odd: Revision(odd, (), frozenset(["<l>"]), "", "")}, (odd,))

    text = render_svg(lay_out(history, at=["<zz>"]))

    # In UTF-8, as it would be in a file: some texts cannot be written there.
    root = ET.fromstring(text.encode())  # noqa: S314 - the renderer's own text

    first, *_, last = [each.text for each in root.iter(f"{SVG}text")]
    assert f"{shown} (<l>) (head)" == first
    assert "The database is at <zz>, which this history does not have" == last


def test_the_svg_has_a_circle_for_each_revision_and_stands_alone() -> None:
    graph = _graph(BRANCHED, at=["r2"], dependencies={"other": ["r3"]})
    text = render_svg(graph)

    root = ET.fromstring(text)  # noqa: S314 - the renderer's own text

    circles = [c for c in root.iter(f"{SVG}circle") if c.get("r") == "5"]
    places = {(int(c.get("cx", "")), int(c.get("cy", ""))) for c in circles[: len(graph.nodes)]}
    assert {(node.lane * 18, node.row * 26) for node in graph.nodes.values()} == places
    rings = [each for each in root.iter(f"{SVG}circle") if each.get("r") == "8.5"]
    assert 3 == len(rings)  # two heads, and the legend's
    dashed = [path for path in root.iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert 2 == len(dashed)  # one of them is the legend's
    ground = root.find(f"{SVG}rect")
    assert ground is not None
    assert "#ffffff" == ground.get("fill")
    assert not re.search(r"<script|<style|href|url\(|@import", text)
    bold = [each.text for each in root.iter(f"{SVG}text") if each.get("font-weight")]
    assert ["r2 Make r2. (current)"] == bold


def test_the_svgs_lines_go_from_circle_to_circle() -> None:
    """Upright in a lane, and in a curve to another one."""
    text = render_svg(_graph({"r": [], "a": ["r"], "b": ["r"], "m": ["a", "b"]}, at=None))

    assert [
        *("M0 0C0 13 18 13 18 26", "M0 0V26"),  # from the merge to both
        *("M18 26V52", "M18 52C18 65 0 65 0 78"),  # past the one, and from the other to the root
        "M0 26V78",
    ] == re.findall(r'<path d="(.*?)"', text)


@st.composite
def _shapes(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return revisions with their parents, and those that they only depend on."""
    parents: dict[str, list[str]] = {}
    dependencies: dict[str, list[str]] = {}
    # Not in the order of their ids.
    names = draw(st.permutations([f"r{number:02}" for number in range(draw(st.integers(0, 14)))]))
    for name in names:
        # Near ones, so that there are lines, too.
        below = st.lists(st.sampled_from([*parents][-5:]), max_size=3, unique=True)
        parents[name] = draw(below) if parents else []
        dependencies[name] = [each for each in parents[name] if draw(st.integers(0, 4)) == 0]
    return parents, dependencies


@settings(max_examples=300)
@given(shape=_shapes(), data=st.data())
def test_whatever_the_history_is_everything_has_its_place(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]], data: st.DataObject
) -> None:
    parents, dependencies = shape
    at = data.draw(st.none() | st.lists(st.sampled_from(sorted(parents) or ["elsewhere"])))

    graph = _graph(parents, at=at, dependencies=dependencies)

    assert parents.keys() == graph.nodes.keys()
    assert [*range(len(parents))] == [node.row for node in graph.nodes.values()]
    for name, node in graph.nodes.items():
        only = dependencies[name]
        assert [each for each in parents[name] if each not in only] == list(node.downs)
        assert [each for each in parents[name] if each in only] == list(node.needs)
        assert all(node.row < graph.nodes[parent].row for parent in parents[name])
    shuffled = {name: parents[name] for name in data.draw(st.permutations(list(parents)))}
    assert graph == _graph(shuffled, at=at, dependencies=dependencies)


@settings(max_examples=300)
@given(shape=_shapes())
def test_every_line_ends_at_the_parent_and_passes_nothing_else(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]],
) -> None:
    graph = _graph(shape[0], at=None, dependencies=shape[1])
    children: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for name, node in graph.nodes.items():
        for parent in node.downs:
            children[parent].add(name)

    # Whose lines are in a lane.
    lanes: dict[int, set[str]] = {}
    for name, node in graph.nodes.items():
        if not children[name]:
            assert min({*range(len(lanes) + 1)} - lanes.keys()) == node.lane
        assert children[name] == lanes.pop(node.lane, set())
        moved = {s.source: lanes.pop(s.source) for s in node.steps if s.source != node.lane}
        for step in node.steps:
            lanes.setdefault(step.target, set()).update(moved.get(step.source, {name}))
        assert max([node.lane, *lanes]) < graph.lanes
    assert not lanes


@given(shape=_shapes())
def test_the_first_line_is_straight_to_its_end(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]],
) -> None:
    graph = _graph(shape[0], at=None, dependencies=shape[1])

    ahead = [*graph.nodes][:1]
    while ahead:
        node = graph.nodes[ahead.pop()]
        assert 0 == node.lane
        ahead += node.downs[:1]


@given(shape=_shapes(), at=st.none() | st.just([]))
def test_every_revision_has_its_line_of_text(
    shape: tuple[dict[str, list[str]], dict[str, list[str]]], at: list[str] | None
) -> None:
    graph = _graph(shape[0], at=at, dependencies=shape[1])

    lines = [line for line in render_text(graph).splitlines() if "Make" in line]

    assert len(graph.nodes) == len(lines)
    for line, (name, node) in zip(lines, graph.nodes.items(), strict=True):
        assert ("*" if at is None else "o") == line[2 * node.lane]
        assert name in line
    ET.fromstring(render_svg(graph))  # noqa: S314 - the renderer's own text


class _Counted(str):
    """An id that counts how often it is looked up or compared."""

    __slots__ = ()
    times: ClassVar = [0]

    def __hash__(self) -> int:
        self.times[0] += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        self.times[0] += 1
        return super().__eq__(other)


def _line_of(length: int) -> Parents:
    names = [_Counted(f"r{number}") for number in range(length)]
    return {name: names[max(number - 1, 0) : number] for number, name in enumerate(names)}


def _branches_of(length: int) -> Parents:
    root = _Counted("root")
    names = [_Counted(f"r{number}") for number in range(length)]
    # A branch for each 25 revisions, and one revision that joins them all.
    found: dict[str, list[_Counted]] = {root: []}
    for number, name in enumerate(names):
        found[name] = [names[number - 1] if number % 25 else root]
    return {**found, _Counted("merge"): names[24::25]}


@pytest.mark.parametrize("parents_of", [_line_of, _branches_of])
def test_twice_the_revisions_are_twice_the_work(parents_of: Callable[[int], Parents]) -> None:
    costs = []
    for length in (2500, 5000):
        history = _history(parents_of(length))
        before = _Counted.times[0]
        lay_out(history, at=history.heads)
        costs.append(_Counted.times[0] - before)

    assert costs[1] < 2.1 * costs[0]


def test_branches_side_by_side_need_no_lanes_of_their_own() -> None:
    parents: Parents = {"r": [], **{f"b{number}": ["r"] for number in range(200)}}

    assert 2 == _graph(parents, at=None).lanes
