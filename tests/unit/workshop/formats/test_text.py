"""The result for people."""

from __future__ import annotations

from pathlib import Path

from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.text import render_text
from migration_runner.workshop.result import VerifyResult
from tests.unit.workshop.formats.conftest import plain

EXPECTED = """\
The history: error: several-heads
    There are two heads: r1, r2.
    Merge them.

versions/r1.py:9: error: downgrade-fails (revision r1)
    No table.
    It is gone.

versions/r2.py:20: error: asymmetric (revision r2)
    The type stays.
    Drop it.
versions/r2.py:3: note: unused-waiver (revision r2)
    env is waived.
    Remove it.

Waived:
  versions/r1.py:12 asymmetric: It has data.

Checked on PostgreSQL 18.6, started for this command.
The extension postgis is missing.
Not checked by squawk's rules: it is not installed.
4 findings in 2 of 15 revisions (3 errors, 1 note); 1 waived."""


def test_it_is_grouped_by_file_and_ends_with_a_summary(result: VerifyResult) -> None:
    assert EXPECTED == render_text(result)


def test_what_has_no_file_has_a_subject() -> None:
    text = render_text(plain(Finding("models-differ", "The column x is missing.")))

    assert "The models: error: models-differ" == text.splitlines()[0]


def test_one_file_is_one_block_however_it_is_named(here: Path) -> None:
    named = [Path("r1.py"), here / "r1.py", here / "versions" / ".." / "r1.py"]

    text = render_text(plain(*(Finding("env", "x", file=each) for each in named)))

    assert ["r1.py: error: env", "    x"] * 3 == text.splitlines()[:6]


def test_nothing_found() -> None:
    assert "No finding in 1 revision." == render_text(plain())
    assert "No finding in a history of 9 revisions." == render_text(
        plain(revisions=0, all_revisions=9)
    )
    assert "No finding in 3 of 9 revisions." == render_text(plain(revisions=3, all_revisions=9))
