"""Whose error it is."""

from __future__ import annotations

import json

import pytest

from migration_runner.project.errors import is_ours
from migration_runner.settings.durations import parse_duration


def test_every_room_of_the_package_is_ours() -> None:
    with pytest.raises(ValueError, match="s") as ours:
        parse_duration("soon")
    with pytest.raises(ValueError, match="E") as theirs:
        json.loads("soon")

    assert (True, False) == (is_ours(ours.value), is_ours(theirs.value))
