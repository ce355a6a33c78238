"""The history as a standalone SVG: circles in lanes, text beside them, a legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final
from unicodedata import east_asian_width

from migration_runner.history.drawing_text import CURRENT_MEANS, HEAD_MEANS, counts, notes, words
from migration_runner.history.layout import Graph, Mark, Node

_ROW: Final = 26
_LANE: Final = 18
_MARGIN: Final = 20
_CHARACTER: Final = 7.8  # at 12 pixels no common monospace font is wider
_WHITE, _INK, _GRAY, _BLUE = "#ffffff", "#1f2937", "#6b7280", "#1d4ed8"
# Distinguishable without colours, too: pending is not filled.
_COLORS: Final[dict[Mark | None, str]] = {
    "applied": 'fill="#15803d" stroke="#15803d"',
    "pending": f'fill="{_WHITE}" stroke="#b45309"',
    None: 'fill="#9ca3af" stroke="#4b5563"',
}
_DASHED: Final = 'stroke-dasharray="4 3"'


def render_svg(graph: Graph) -> str:
    """Render the graph as an SVG document with a white background."""
    nodes = list(graph.nodes.values())
    needs = [(node, graph.nodes[name]) for node in nodes for name in node.needs]
    beside = max(graph.lanes, 1) * _LANE
    drawn = [_text(beside, node.row, " ".join(words(node)), bold=node.current) for node in nodes]
    legend = list(_legend(graph, dependencies=bool(needs)))
    # An empty row separates the two.
    for row, (symbol, text) in enumerate(legend, start=len(nodes) + bool(nodes)):
        drawn.append(f'<g transform="translate(0 {row * _ROW})">{symbol}</g>')
        drawn.append(_text(beside, row, text))
    left = _MARGIN + max((_bow(*pair) for pair in needs), default=0)
    texts = [*(" ".join(words(node)) for node in nodes), *(text for _, text in legend)]
    width = round(left + beside + _CHARACTER * max(map(_columns, texts)) + _MARGIN)
    height = 2 * _MARGIN + _ROW * (len(nodes) + bool(nodes) + len(legend) - 1)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img">',
            "<title>Revision history</title>",
            f'<rect width="{width}" height="{height}" fill="{_WHITE}"/>',
            f'<g transform="translate({left} {_MARGIN})" font-family="monospace" font-size="12">',
            f'<g fill="none" stroke="{_GRAY}" stroke-width="2">',
            *_lines(nodes),
            *(_dependency(*pair) for pair in needs),
            "</g>",
            *(_circle(node.lane, node.row, node.mark, head=node.head) for node in nodes),
            *drawn,
            "</g>",
            "</svg>",
        ]
    )


def _lines(nodes: Iterable[Node]) -> Iterator[str]:
    """Draw the lines: straight within a lane, curved between lanes."""
    since: dict[int, int] = {}
    for node in nodes:
        for lane in {node.lane: None, **{step.source: None for step in node.steps}}:
            start = since.pop(lane, node.row)
            if start < node.row:
                yield f'<path d="M{lane * _LANE} {start * _ROW}V{node.row * _ROW}"/>'
        for source, target in node.steps:
            since.setdefault(target, node.row + (source != target))
            if source != target:
                yield _curve(source, node.row, target)


def _curve(source: int, row: int, target: int) -> str:
    x, y, to_x = source * _LANE, row * _ROW, target * _LANE
    middle, to_y = y + _ROW // 2, y + _ROW
    return f'<path d="M{x} {y}C{x} {middle} {to_x} {middle} {to_x} {to_y}"/>'


def _dependency(child: Node, parent: Node) -> str:
    """Draw a dependency as a curve to the left, distinct from the lines."""
    x, y, to_x, to_y = *_place(child), *_place(parent)
    bow = min(x, to_x) - _bow(child, parent)
    return f'<path d="M{x} {y}C{bow} {y} {bow} {to_y} {to_x} {to_y}" {_DASHED}/>'


def _bow(child: Node, parent: Node) -> int:
    """Return how far a dependency curves to the left: longer ones curve further."""
    return min(_LANE + 4 * (parent.row - child.row), 4 * _LANE)


def _place(node: Node) -> tuple[int, int]:
    return node.lane * _LANE, node.row * _ROW


def _circle(lane: int, row: int, mark: Mark | None, *, head: bool = False) -> str:
    place = f'cx="{lane * _LANE}" cy="{row * _ROW}"'
    circle = f'<circle {place} r="5" stroke-width="2" {_COLORS[mark]}/>'
    ring = f'<circle {place} r="8.5" fill="none" stroke="{_BLUE}" stroke-width="2"/>'
    return ring + circle if head else circle


def _legend(graph: Graph, *, dependencies: bool) -> Iterator[tuple[str, str]]:
    """Yield symbols and their meaning."""
    for mark, text in counts(graph):
        yield _circle(0, 0, mark), text
    yield _circle(0, 0, None, head=True), HEAD_MEANS
    if graph.connected:
        yield "", CURRENT_MEANS
    if dependencies:
        yield f'<path d="M-8 0H8" stroke="{_GRAY}" stroke-width="2" {_DASHED}/>', "depends on"
    for note in notes(graph):
        yield "", note


def _text(x: int, row: int, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{row * _ROW + 4}" fill="{_INK}"{weight}>{escape(text)}</text>'


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
