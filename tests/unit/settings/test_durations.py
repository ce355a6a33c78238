"""Durations."""

from __future__ import annotations

import pytest

from migration_runner.settings.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("250ms", 0.25), ("1.5", 1.5), (" 0 ", 0)],
)
def test_parses(text: str, seconds: float) -> None:
    """Each unit, and none."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "soon", "-1", "5d", "1h30m", "nan", "597h"])
def test_refuses(text: str) -> None:
    """Anything else is an error that says what would be right."""
    with pytest.raises(ValueError, match=r"duration|too long"):
        parse_duration(text)
