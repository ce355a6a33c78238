"""Sections as Markdown: medians, ratios, and the least and the largest of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final

from benchmarks.measuring import Sample
from benchmarks.sections import Section

# All others are compared with these.
REFERENCES: Final = ("psql", "migrate")
_MEGABYTE: Final = 1_000_000
_NOTHING: Final = ""
_NONE: Final = "-"


def ratios(samples: Sequence[Sample], reference: Sequence[Sample]) -> list[float]:
    """Return each round's ratio: what slows the machine down for a while affects both.

    If a run was flawed, there are none.
    """
    if any(sample.flawed for sample in (*samples, *reference)):
        return []
    return [
        sample.seconds / other.seconds for sample, other in zip(samples, reference, strict=False)
    ]


def render_section(section: Section) -> str:
    """Return a heading and a table, a line for each contestant."""
    references = [name for name in REFERENCES if name in section.samples]
    header = ["", "ms", "min to max", *(f"x {name}" for name in references)]
    header += ["CPU ms", "peak MB", ""]
    rows = [
        [
            name,
            _milliseconds(median(each.seconds for each in samples)),
            _span([each.seconds * 1000 for each in samples]),
            *(_ratio(ratios(samples, section.samples[other])) for other in references),
            _milliseconds(median(each.cpu_seconds for each in samples)),
            _number(max(each.peak_bytes for each in samples) / _MEGABYTE),
            _remarks(samples),
        ]
        for name, samples in section.samples.items()
    ]
    rows += [[name, *[_NOTHING] * (len(header) - 2), why] for name, why in section.remarks.items()]
    return f"### {section.title}\n\n{render_table(header, rows)}"


def render_summary(sections: Sequence[Section]) -> str:
    """Return one table of all medians in milliseconds, with their ratios to the first reference."""
    timed = [section for section in sections if section.samples]
    names = dict.fromkeys(name for section in timed for name in section.samples)
    rows = [[name, *(_summary_cell(section, name) for section in timed)] for name in names]
    return render_table(["", *(section.title for section in timed)], rows)


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that are empty in every row."""
    kept = [
        column for column in range(len(header)) if column == 0 or any(row[column] for row in rows)
    ]
    alignment = [
        "---:" if header[column] and all(_is_figure(row[column]) for row in rows) else "---"
        for column in kept
    ]
    lines = [[header[column] for column in kept], alignment]
    lines += [[_escape(row[column]) for column in kept] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _summary_cell(section: Section, name: str) -> str:
    samples = section.samples.get(name)
    if not samples:
        return _NONE
    text = _milliseconds(median(each.seconds for each in samples))
    if any(each.flawed for each in samples):
        return f"{text} *"
    found = ratios(samples, section.samples.get(REFERENCES[0], []))
    return f"{text} ({_number(median(found))}x)" if found else text


def _remarks(samples: Sequence[Sample]) -> str:
    counted = Counter(sample.remark for sample in samples if sample.remark)
    if len(counted) == 1:
        return next(iter(counted))
    return "; ".join(f"{remark} ({count}x)" for remark, count in counted.items())


def _ratio(found: Sequence[float]) -> str:
    return f"{_number(median(found))} ({_span(found)})" if found else _NOTHING


def _span(values: Sequence[float]) -> str:
    return f"{_number(min(values))} to {_number(max(values))}"


def _milliseconds(seconds: float) -> str:
    return _number(seconds * 1000)


def _number(value: float) -> str:
    """Return it with three significant digits, or whole; nothing for 0."""
    if not value:
        return _NOTHING
    digits = next((3 - n for n, limit in enumerate((0.1, 10, 100)) if value < limit), 0)
    return f"{value:,.{digits}f}"


def _is_figure(text: str) -> bool:
    return not text or text == _NONE or text[0].isdigit()


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
