"""Annotations and the step's summary."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.github import (
    escape_message,
    escape_property,
    render_annotations,
    render_summary,
)
from migration_runner.workshop.formats.writing import write_result
from migration_runner.workshop.result import VerifyResult
from tests.unit.workshop.formats.conftest import plain

EXPECTED = """\
::error title=several-heads%3A The history has several heads.::There are two heads: r1, r2.%0AMerge them.
::error file=versions/r1.py,line=9,title=downgrade-fails%3A A revision's downgrade fails.::No table.%0AIt is gone.
::error file=versions/r2.py,line=20,title=asymmetric%3A Its downgrade leaves another schema.::The type stays.%0ADrop it.
::notice file=versions/r2.py,line=3,title=unused-waiver%3A A waiver waives nothing.::env is waived.%0ARemove it.
4 findings in 2 of 15 revisions (3 errors, 1 note); 1 waived."""  # noqa: E501 - a command is one line


def test_each_finding_is_a_command_worst_first(result: VerifyResult) -> None:
    assert EXPECTED == render_annotations(result)


def _unescape(text: str) -> str:
    """Return what GitHub's runner makes of it: %25 comes last there."""
    for escaped, character in (
        ("%0D", "\r"),
        ("%0A", "\n"),
        ("%3A", ":"),
        ("%2C", ","),
        ("%25", "%"),
    ):
        text = text.replace(escaped, character)
    return text


@given(st.text(alphabet="%:,\r\n0123ADC25 aé"))
def test_what_is_escaped_is_read_as_it_was(text: str) -> None:
    for escaped in (escape_message(text), escape_property(text)):
        assert text == _unescape(escaped)
        assert not set("\r\n") & set(escaped)
    assert not set(":,") & set(escape_property(text))


@given(
    st.text(alphabet="%:,\r\n a", min_size=1), st.text(alphabet="%:, a", min_size=1).map(str.strip)
)
def test_no_text_ends_a_command_or_adds_a_property(message: str, name: str) -> None:
    command = render_annotations(plain(Finding("env", message, file=Path(f"f{name}.py"), line=3)))

    line, _ = command.split("\n")
    properties, _, said = line.removeprefix("::error ").partition("::")
    assert message == _unescape(said)
    assert [("file", f"f{name}.py"), ("line", "3"), ("title", "env: env.py cannot be run.")] == [
        (key, _unescape(value))
        for key, _, value in (each.partition("=") for each in properties.split(","))
    ]


def test_paths_are_relative_to_the_workspace(
    here: Path, monkeypatch: pytest.MonkeyPatch, result: VerifyResult
) -> None:
    inner = here / "app"
    inner.mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(here))
    monkeypatch.chdir(inner)
    finding = Finding("env", "No.", file=Path("migrations/env.py"), line=2)
    outside = Finding("env", "No.", file=Path("/elsewhere/env.py"))

    assert "file=app/migrations/env.py,line=2," in render_annotations(plain(finding))
    assert "file=versions/r1.py," in render_annotations(result)
    assert "file=/elsewhere/env.py,title" in render_annotations(plain(outside))


def test_ten_of_a_kind_and_the_rest_counted() -> None:
    errors = [Finding("env", f"E{number}.") for number in range(12)]
    notes = [Finding("unused-waiver", f"N{number}.") for number in range(11)]

    lines = render_annotations(plain(*notes, *errors)).split("\n")

    assert ["::error"] * 10 + ["::notice"] * 10 == [line.split()[0] for line in lines[:20]]
    assert [
        "And 2 more errors, 1 more notice: see the step's summary.",
        "23 findings in 1 revision (12 errors, 11 notes).",
    ] == lines[20:]


def test_the_summary_has_all_of_them(result: VerifyResult) -> None:
    text = render_summary(result)

    page = "https://migration-runner.readthedocs.io/en/latest/verify.html"
    assert f"| error | [downgrade-fails]({page}#downgrade-fails) | versions/r1.py:9 |" in text
    assert "| asymmetric | versions/r1.py:12 | It has data. |" in text
    assert "Checked on PostgreSQL 18.6" in text


@given(st.text(alphabet="|<>&`*\n\\_[]()a "))
def test_no_text_breaks_the_summarys_table(text: str) -> None:
    said = render_summary(plain(Finding("env", f"x{text}")))

    (row,) = [line for line in said.split("\n") if line.startswith("| error")]
    assert 5 == row.replace("\\\\", "").replace("\\|", "").count("|")
    assert "<" not in row


def test_it_is_added_to_the_steps_file(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    result: VerifyResult,
) -> None:
    file = here / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))

    write_result(result, "github")

    assert f"{EXPECTED}\n" == capfd.readouterr().out
    assert "before\n" + render_summary(result) == file.read_text()


def test_a_file_that_cannot_be_written_is_said(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    result: VerifyResult,
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here))

    write_result(result, "github")

    assert (
        "The step's summary cannot be written: Is a directory."
        == capfd.readouterr().out.splitlines()[-1]
    )
