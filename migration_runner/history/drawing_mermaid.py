"""The history as a Mermaid flowchart: the oldest revision at the bottom, arrows point upwards."""

from __future__ import annotations

import re
from typing import Final

from migration_runner.history.drawing_text import counts, notes, words
from migration_runner.history.layout import Graph, Node

# With the text's colour: a dark theme's is white, and these backgrounds are light.
_CLASSES: Final = {
    "applied": "fill:#dcfce7,stroke:#15803d,color:#111111",
    "pending": "fill:#fef3c7,stroke:#b45309,color:#111111,stroke-dasharray:4 2",
    "head": "stroke-width:3px",
    "current": "stroke:#1d4ed8,stroke-width:3px",
}
# Anything but words could be Mermaid syntax, or Markdown in a label, such as emphasis and lists.
# Within a word, `_` and `-` are neither.
_SPECIAL: Final = re.compile(r"[^\w ,-]|(?<![^\W_])[_-]|[_-](?![^\W_])")


def render_mermaid(graph: Graph) -> str:
    """Render the graph for Mermaid, for example in a fenced Markdown block."""
    # Oldest first: without branches, a new revision then leaves the existing lines unchanged.
    oldest_first = list(reversed(graph.nodes.items()))
    ids = {name: f"r{number}" for number, (name, _) in enumerate(oldest_first, start=1)}
    members: dict[str, list[str]] = {kind: [] for kind in _CLASSES}
    lines = ["flowchart BT"]
    for name, node in oldest_first:
        lines.append(_box(ids[name], words(node)))
        lines += [f"{ids[parent]} --> {ids[name]}" for parent in node.downs]
        lines += [f"{ids[parent]} -.-> {ids[name]}" for parent in node.needs]
        for kind in _kinds(node):
            members[kind].append(ids[name])
    for number, (mark, text) in enumerate(counts(graph), start=1):
        lines.append(_box(f"legend{number}", [text]))
        if mark:
            members[mark].append(f"legend{number}")
    lines += [_box(f"note{number}", [text]) for number, text in enumerate(notes(graph), start=1)]
    for kind, named in members.items():
        if named:
            lines += [f"classDef {kind} {_CLASSES[kind]}", f"class {','.join(named)} {kind}"]
    return "\n    ".join(lines)


def _box(name: str, texts: list[str]) -> str:
    escaped = (_SPECIAL.sub(lambda found: f"#{ord(found[0])};", text) for text in texts)
    return f'{name}["{"<br/>".join(escaped)}"]'


def _kinds(node: Node) -> list[str]:
    flags = {"head": node.head, "current": node.current}
    return [*([node.mark] if node.mark else []), *(kind for kind, there in flags.items() if there)]
