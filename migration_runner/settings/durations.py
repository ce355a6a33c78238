"""Durations as people write them: `30s`, `5m`, `1h`, `250ms`, or plain seconds."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", re.ASCII)

# Postgres keeps its timeouts in milliseconds, in a signed 32-bit integer.
LONGEST = 2_147_483.0


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means.

    Raises `ValueError`, with what would be right, for anything else.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        message = "is not a duration: write 30s, 5m, 1h, 250ms or plain seconds"
        raise ValueError(message)
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST:
        message = "is too long: 596h is the most that Postgres takes"
        raise ValueError(message)
    return seconds
