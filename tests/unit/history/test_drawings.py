"""The history as a Mermaid flowchart and as an SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from migration_runner.history.drawing_mermaid import render_mermaid
from migration_runner.history.drawing_svg import render_svg
from migration_runner.history.drawing_text import render_text
from migration_runner.history.history import History, Revision
from migration_runner.history.layout import Graph, lay_out
from tests.fixtures.graphs import BRANCHED, ODD, Parents, make_graph, make_history

SVG = "{http://www.w3.org/2000/svg}"


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
            make_graph(parents, at=["r1"], dependencies={"r2": ["b_1"]})
        ).splitlines()
    ]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_whatever_an_id_is_the_flowchart_has_only_its_own_syntax(odd: str) -> None:
    history = make_history({odd: [], "r2": [odd]}, labels={odd: "l#x"})

    lines = render_mermaid(lay_out(history, at=["zz]", odd])).splitlines()

    boxes = [line for line in lines if "[" in line]
    plain = r"(?:\w|[ ,-]|#\d+;|<br/>)+"
    assert 6 == len(boxes)
    assert not [line for line in boxes if not re.fullmatch(rf' +\w+\["{plain}"\]', line)]


def test_the_flowchart_has_no_markdown() -> None:
    """Emphasis and lists are text; what is inside of a word can stay as it is."""
    text = render_mermaid(make_graph({"_x_ 0001_add-users 1. - *": []}, at=None))

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
    assert "The database is at <zz>, which is not in this history" == last


def test_the_svg_has_a_circle_for_each_revision_and_stands_alone() -> None:
    graph = make_graph(BRANCHED, at=["r2"], dependencies={"other": ["r3"]})
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
    text = render_svg(make_graph({"r": [], "a": ["r"], "b": ["r"], "m": ["a", "b"]}, at=None))

    assert [
        *("M0 0C0 13 18 13 18 26", "M0 0V26"),  # from the merge to both
        *("M18 26V52", "M18 52C18 65 0 65 0 78"),  # past the one, and from the other to the root
        "M0 26V78",
    ] == re.findall(r'<path d="(.*?)"', text)


def test_a_history_without_revisions() -> None:
    graph = make_graph({}, at=[])

    assert [
        "* applied: 0, o pending: 0, (head) = newest,"
        " (current) = the database's revision. The history has no revisions"
    ] == render_text(graph).splitlines()
    assert 'note1["The history has no revisions"]' in render_mermaid(graph)
    assert "The history has no revisions" in _svg_texts(graph)
