"""What is too long for a line continues in the next."""

from __future__ import annotations

import pytest

from migration_runner.log import redaction
from migration_runner.report.text_layout import render_table, wrap_text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = render_table(("a", "long header"), [("wide cell", "b"), ("c", "")], 80).splitlines()

    assert ["a          long header", "wide cell  b", "c"] == lines


def test_a_column_of_words_gives_way_before_a_name_is_broken() -> None:
    rows = [("A_LONG_NAME", "one two three four"), ("B", "five")]

    assert [
        "name         value",
        "A_LONG_NAME  one two",
        "             three",
        "             four",
        "B            five",
    ] == render_table(("name", "value"), rows, 20).splitlines()


@pytest.mark.parametrize("width", [20, 40, 80])
def test_even_long_words_stay_within_the_width(width: int) -> None:
    rows = [("x" * 100, "y" * 30 + " " + "z" * 50)]

    lines = render_table(("name", "value"), rows, width).splitlines()

    assert width == max(map(len, lines))
    assert 100 == sum(line.count("x") for line in lines)


def test_a_secret_is_hidden_before_it_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration_runner.log.redaction._spellings", {})
    monkeypatch.setattr("migration_runner.log.redaction._hidden", ())
    secret = "canary canary canary"
    redaction.hide_secrets((secret,))

    table = render_table(("name", "value"), [("x", f"password {secret}")], 16)

    assert ["name  value", "x     password", "      ***"] == table.splitlines()
    assert "password\n***" == wrap_text(f"password {secret}", 10)


def test_line_breaks_of_the_text_are_kept() -> None:
    assert "refused\n  Is it\n  running?" == wrap_text("refused\n\tIs it running?", 10, "  ")
