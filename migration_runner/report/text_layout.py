"""Lays out text for a terminal: what is too long for a line continues in the next.

Secrets are hidden first: one that is wrapped would not be recognized any more.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from migration_runner.log.redaction import redact

_GAP: Final = "  "
_NARROWEST: Final = 8

Cells = Sequence[str]


def wrap_text(text: str, width: int, indent: str = "") -> str:
    """Wrap each line of `text`, all but the first behind an `indent`."""
    room = max(width - len(indent), _NARROWEST)
    lines = [line for part in redact(text).split("\n") for line in _wrap(part.strip(), room)]
    return f"\n{indent}".join(lines)


def table_width(header: Cells, rows: Sequence[Cells]) -> int:
    """Return how wide a table is when nothing is wrapped."""
    return sum(_natural_widths(header, rows)) + len(_GAP) * (len(header) - 1)


def render_table(header: Cells, rows: Sequence[Cells], width: int) -> str:
    """Render rows of text under a header."""
    return "\n".join(render_rows(header, rows, width))


def render_rows(header: Cells, rows: Sequence[Cells], width: int) -> Iterator[str]:
    """Render the header and each row, which has several lines where a cell had to be wrapped."""
    rows = [[redact(cell) for cell in row] for row in rows]
    widths = _fit(header, rows, width - len(_GAP) * (len(header) - 1))
    for row in (header, *rows):
        cells = [_wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        height = max(map(len, cells))
        columns = [
            [line.ljust(width) for line in (*cell, *[""] * (height - len(cell)))]
            for cell, width in zip(cells, widths, strict=True)
        ]
        yield "\n".join(_GAP.join(line).rstrip() for line in zip(*columns, strict=True))


def _natural_widths(header: Cells, rows: Sequence[Cells]) -> list[int]:
    return [max(map(len, column)) for column in zip(header, *rows, strict=True)]


def _fit(header: Cells, rows: Sequence[Cells], room: int) -> list[int]:
    """Return the columns' widths; between words first, the widest column gives way."""
    widths = _natural_widths(header, rows)
    words = [
        max(len(word) for cell in column for word in (cell.split() or [""]))
        for column in zip(header, *rows, strict=True)
    ]
    for least in (words, [_NARROWEST] * len(widths)):
        while sum(widths) > room and (
            spare := [i for i, width in enumerate(widths) if width > least[i]]
        ):
            widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
