"""The result for people: file by file, worst first; then what is waived, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from migration_runner.workshop.checks import CHECKS, Group
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.places import place_of, relative
from migration_runner.workshop.result import VerifyResult, level_of

# Of findings without a file.
_SUBJECTS: Final = {
    Group.HISTORY: "The history",
    Group.MODELS: "The models",
    Group.HAZARD: "The revisions",
}


def render_text(result: VerifyResult) -> str:
    """Return the result as text, with a blank line between files."""
    blocks = []
    # Sorting is stable: in each file, the worst stays first.
    for _, found in groupby(sorted(result.open, key=_file), key=_file):
        blocks.append("\n".join(line for each in found for line in _lines(each)))
    if result.waived:
        waived = [f"  {_name(each)}: {' '.join(each.waived.split())}" for each in result.waived]
        blocks.append("\n".join(["Waived:", *waived]))
    return "\n\n".join([*blocks, "\n".join([*result.remarks, result.summary])])


def _file(finding: Finding) -> str:
    return relative(finding.file) if finding.file else ""


def _name(finding: Finding) -> str:
    return " ".join(filter(None, [place_of(finding), finding.check]))


def _lines(finding: Finding) -> Iterator[str]:
    place, level = place_of(finding), level_of(finding).name.lower()
    revision = finding.revision and f" (revision {finding.revision})"
    yield f"{place or _SUBJECTS[CHECKS[finding.check].group]}: {level}: {finding.check}{revision}"
    for text in (finding.message, finding.advice):
        yield from (f"    {line}" for line in text.splitlines() if line.strip())
