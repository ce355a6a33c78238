"""The history as text, one line per revision, drawn like `git log --graph` in plain ASCII."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from migration_runner.history.layout import Graph, Mark, Node

HEAD_MEANS: Final = "(head) = newest"
CURRENT_MEANS: Final = "(current) = the database's revision"
# With at most this many lanes, the text beside them is aligned.
_ALIGNED: Final = 6


def render_text(graph: Graph) -> str:
    """Render the graph for a terminal, with a legend as its last line."""
    # Without a database all revisions are marked alike.
    marks = {"applied": "*", "pending": "o", None: "?" if graph.connected else "*"}
    margin = 2 * min(graph.lanes, _ALIGNED)
    lines = []
    open_lanes: set[int] = set()
    for node in graph.nodes.values():
        text = " ".join(words(node))
        if node.needs:
            text += f"  needs {', '.join(map(printable, node.needs))}"
        lines.append(f"{_row(node, open_lanes, marks[node.mark]).ljust(margin)} {text}")
        lines += _below(node, open_lanes)
        open_lanes -= {node.lane, *(step.source for step in node.steps)}
        open_lanes |= {step.target for step in node.steps}
    legend = [f"{marks[mark]} {text}" for mark, text in counts(graph)]
    legend += [HEAD_MEANS]
    legend += [CURRENT_MEANS] if graph.connected else []
    return "\n".join([*lines, ", ".join(legend) + "".join(f". {note}" for note in notes(graph))])


def words(node: Node) -> list[str]:
    """Return the text beside a revision: its id and labels, its description, head and current."""
    name = printable(node.revision.id)
    if labels := ", ".join(map(printable, sorted(node.revision.labels))):
        name += f" ({labels})"
    what = " ".join(["(head)"] * node.head + ["(current)"] * node.current)
    return [text for text in (name, printable(node.revision.description or ""), what) if text]


def printable(text: str) -> str:
    """Return `text` on one line, without characters that are unsafe in a terminal or XML.

    If nothing is left, it is escaped: an id must not disappear.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown or (text and ascii(text))


def counts(graph: Graph) -> list[tuple[Mark | None, str]]:
    """Return the marks of the legend, each with its meaning and count."""
    not_known = graph.count(None)
    if not graph.connected:
        return [(None, f"revisions: {len(graph.nodes)} (without a database)")]
    found: list[tuple[Mark | None, str]] = [
        ("applied", f"applied: {graph.count('applied')}"),
        ("pending", f"pending: {graph.count('pending')}"),
    ]
    return [*found, (None, f"unknown: {not_known}")] if not_known else found


def notes(graph: Graph) -> list[str]:
    """Return notes about the whole graph."""
    found = [] if graph.nodes else ["The history has no revisions"]
    if named := ", ".join(map(printable, graph.unknown)):
        found.append(f"The database is at {named}, which is not in this history")
    return found


def _row(node: Node, open_lanes: Iterable[int], mark: str) -> str:
    """Draw the lanes beside a revision, and its lines to lanes that are not adjacent."""
    cells = {2 * lane: "|" for lane in open_lanes}
    furthest = max((step.target for step in node.steps), default=0)
    if furthest > node.lane + 1:
        for column in range(2 * node.lane + 1, 2 * furthest - 1):
            cells.setdefault(column, "-")
        cells[2 * furthest - 1] = "."
    cells[2 * node.lane] = mark
    return _joined(cells)


def _below(node: Node, open_lanes: Iterable[int]) -> Iterator[str]:
    """Draw the lines between a revision and the next one that change lanes."""
    stays = any(step.source == step.target for step in node.steps)
    live = {*open_lanes, node.lane} if stays else {*open_lanes} - {node.lane}
    to_right = [step for step in node.steps if step.source < step.target]
    # Nearest first: a line to a lane further left crosses under it.
    to_left = [step for step in node.steps if step.source > step.target]
    to_left.sort(key=lambda step: (step.source, -step.target))
    if to_right:
        cells = {2 * lane: "|" for lane in live.union(step.source for step in to_left)}
        yield _joined(cells | {2 * step.target - 1: "\\" for step in to_right})
        live.update(step.target for step in to_right)
    while to_left:
        source, target = to_left.pop(0)
        if not (stays and source == node.lane):
            live.discard(source)
        cells = {2 * lane: "|" for lane in live.union(step.source for step in to_left)}
        for column in range(2 * target + 1, 2 * source - 1):
            cells.setdefault(column, "_")
        yield _joined(cells | {2 * source - 1: "/"})
    if not node.steps:
        # Otherwise the first revision of a branch would seem to descend from the row below.
        yield _joined({2 * lane: "|" for lane in live})


def _joined(cells: dict[int, str]) -> str:
    return "".join(cells.get(column, " ") for column in range(max(cells, default=-1) + 1))
