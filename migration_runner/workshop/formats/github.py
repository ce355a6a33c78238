"""The result for GitHub Actions: annotations, and a page for the step's summary.

GitHub shows ten annotations of each kind for a step, and drops the rest without a word
(https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from migration_runner.documentation import check_page
from migration_runner.log.counts import count_of
from migration_runner.log.redaction import redact
from migration_runner.workshop.checks import CHECKS, Level
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.places import place_of, relative, workspace
from migration_runner.workshop.result import VerifyResult, level_of

_KINDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_MOST: Final = 10
# A summary of more than 1 MiB is refused as a whole.
_MOST_ROWS: Final = 200
_LONGEST_CELL: Final = 1000


def render_annotations(result: VerifyResult) -> str:
    """Return workflow commands, worst first, and a line with the summary."""
    shown: Counter[Level] = Counter()
    lines = []
    for finding in result.open:
        level = level_of(finding)
        shown[level] += 1
        if shown[level] <= _MOST:
            lines.append(_annotate(finding, level))
    more = [
        count_of(count - _MOST, f"more {_KINDS[level]}", f"more {_KINDS[level]}s")
        for level, count in result.counts.items()
        if count > _MOST
    ]
    if more:
        lines.append(f"And {', '.join(more)}: see the step's summary.")
    return "\n".join([*lines, result.summary])


def _annotate(finding: Finding, level: Level) -> str:
    properties = {"title": f"{finding.check}: {CHECKS[finding.check].title}"}
    if finding.file is not None:
        line = {"line": str(finding.line)} if finding.line else {}
        properties = {"file": relative(finding.file, workspace()), **line, **properties}
    named = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    # Before it is escaped: a secret would not be recognized any more.
    message = redact("\n".join(filter(None, [finding.message, finding.advice])))
    return f"::{_KINDS[level]} {named}::{escape_message(message)}"


def escape_message(text: str) -> str:
    """Escape what stands behind the last `::` of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property's value in a workflow command."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")


def render_summary(result: VerifyResult) -> str:
    """Return the page in Markdown."""
    lines = ["### migrate verify", "", _cell(result.summary)]
    if result.open:
        lines += ["", "| Level | Check | Place | Finding |", "|---|---|---|---|"]
        lines += _rows(result.open)
    if len(result.open) > _MOST_ROWS:
        lines += ["", f"And {len(result.open) - _MOST_ROWS} more."]
    if result.waived:
        lines += ["", "<details><summary>Waived</summary>", ""]
        lines += ["| Check | Place | Reason |", "|---|---|---|"]
        lines += [
            f"| {each.check} | {_place(each)} | {_cell(each.waived)} |"
            for each in result.waived[:_MOST_ROWS]
        ]
        lines += ["", "</details>"]
    lines += [line for text in result.remarks for line in ("", _cell(text))]
    return "\n".join(lines) + "\n"


def _rows(findings: Sequence[Finding]) -> Iterator[str]:
    for each in findings[:_MOST_ROWS]:
        check = f"[{each.check}]({check_page(each.check)})"
        said = _cell(" ".join(filter(None, [each.message, each.advice])))
        yield f"| {_KINDS[level_of(each)]} | {check} | {_place(each)} | {said} |"


def _place(finding: Finding) -> str:
    return _cell(place_of(finding, workspace()))


def _cell(text: str) -> str:
    """Return text that is no Markdown and no HTML, in one line."""
    text = " ".join(redact(text)[:_LONGEST_CELL].split())
    for character in "\\`*_[]|~#":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
