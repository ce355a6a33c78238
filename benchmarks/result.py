"""The whole result as text, and its place in a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.contestant import Contestant
from benchmarks.sections import Section
from benchmarks.table import render_section, render_summary, render_table

BEGIN: Final = "<!-- The result begins: `make bench` writes it. -->"
END: Final = "<!-- The result ends. -->"


def render_result(
    facts: Sequence[str], contestants: Sequence[Contestant], sections: Sequence[Section]
) -> str:
    """Return facts, contestants, a summary and all tables."""
    there = [each for each in contestants if each.installed]
    lines = [[each.name, each.version(), each.setup] for each in there]
    parts = [
        "\n".join(f"- {fact}" for fact in facts),
        render_table(["", "Version", "Set up"], lines),
    ]
    missing = [each.name for each in contestants if not each.installed]
    if missing:
        parts.append(f"Left out, not installed here: {', '.join(missing)}.")
    if sections:
        parts += [
            "### All medians\n\nMilliseconds, and the ratio to psql. `*`: not comparable; the "
            "last column below says why.",
            render_summary(sections),
            *map(render_section, sections),
        ]
    return "\n\n".join(parts)


def replace_result(page: str, result: str) -> str:
    """Return the page with another result between its markers. Raises `ValueError` without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"the page lacks {BEGIN!r} or {END!r}"
        raise ValueError(message)
    return f"{before}{begin}\n\n{result}\n\n{end}{after}"
