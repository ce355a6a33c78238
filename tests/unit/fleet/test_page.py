"""The page is valid, whatever names and errors are in it, and has no secret."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.fleet.page import render_page
from migration_runner.fleet.results import FAILED, Result, Results
from migration_runner.log.redaction import hide_secrets
from migration_runner.report.report import RunReport

_VOID: Final = frozenset({"meta", "br"})
_TAGS: Final = frozenset(
    {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "table", "tr",
     "th", "td", "br"}
)  # fmt: skip


class _Page(HTMLParser):
    """Reads a page, each of whose tags must be known and closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.classes: set[str] = set()
        self.rows = 0
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Tags of the page's own, with what it gives them."""
        assert tag in _TAGS
        assert {name for name, _ in attrs} <= {"class", "lang", "charset", "name", "content"}
        self.classes |= {value or "" for name, value in attrs if name == "class"}
        self.rows += tag == "tr"
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("td", "p"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        """Of the innermost."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """In a cell or a paragraph."""
        if {"td", "p"} & {*self.open}:
            self.cells[-1] += data


def _render(*results: Result, missing: int = 0, build: str = "1.0") -> str:
    found = Results(
        [each.target for each in results] + [f"missing{number}" for number in range(missing)]
    )
    for each in results:
        found.add(each)
    return render_page(found, RunReport("run-1", build))


def test_the_page_has_what_is_worth_reading() -> None:
    """Counts, failures with the command that runs them alone, the slowest, and the rest."""
    page = _Page(
        _render(
            Result("acme", FAILED, 1, summary="It failed.", command="migrate fleet --only acme"),
            Result("bolt", "applied", applied=["r1", "r2"], to_revisions=["r2"], seconds=1.25),
            Result("crate", "up_to_date"),
            missing=1,
        )
    )
    text = "|".join(page.cells)
    assert "4 targets: 1 applied, 1 up to date, 1 failed, 1 not started. Failed: acme." in text
    assert "acme|1|It failed.migrate fleet --only acme" in text
    assert "bolt|1.25" in text
    assert "bolt|applied|2|r2" in text
    assert "missing0|not started||" in text
    # It is in the counts, which is enough.
    assert "crate" not in text
    assert "run-1" in text


def test_a_page_of_nothing_is_valid() -> None:
    """Sections without rows are left out."""
    text = _render()
    assert "<h2>" not in text
    assert 0 == _Page(text).rows


HOSTILE: Final = '<script>alert("1")</script>&amp;\'`{title}</td></table>'


@pytest.mark.parametrize("field", ["target", "summary", "command", "reason", "outcome", "build"])
def test_no_text_is_markup(field: str) -> None:
    """A revision's error is anything at all; so is a name, and what a run says of itself."""
    facts: dict[str, Any] = {"target": "acme", "outcome": FAILED, "summary": "s", "seconds": 1.0}
    build = HOSTILE if field == "build" else "1.0"
    if field != "build":
        facts[field] = HOSTILE
    text = _render(Result(**facts, to_revisions=[HOSTILE]), Result("b", "applied", 0, [HOSTILE]),
                   build=build)  # fmt: skip
    page = _Page(text)
    assert "<script" not in text
    assert page.classes <= {"number", "failed", "applied", "other"}
    if field != "reason":
        assert any(HOSTILE.replace("_", " ") in cell.replace("_", " ") for cell in page.cells)


def test_no_password_is_in_the_page() -> None:
    """Neither one that is known, nor one that looks like it."""
    hide_secrets(("page-canary-known",))
    text = _render(
        Result("a", FAILED, 1, summary="for postgresql://u:page-canary-url@h/db",
               command="psql password=page-canary-word"),
        Result("b", FAILED, 1, summary="login with page-canary-known failed"),
    )  # fmt: skip
    assert "page-canary" not in text
    _Page(text)


@given(st.text(), st.text(min_size=1), st.text())
def test_any_text_can_be_written(name: str, summary: str, revision: str) -> None:
    """As UTF-8, and without characters that are not allowed in HTML."""
    text = _render(
        Result(name, FAILED, 1, summary=summary, command=name),
        Result(name + "2", "applied", applied=[revision], to_revisions=[revision]),
    )
    text.encode()
    _Page(text)
    controls = {chr(number) for number in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0))}
    assert not controls & {*text}
