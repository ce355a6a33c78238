"""Durations as people write them: `30s`, `5m`, `1h`, `250ms`, or plain seconds."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", re.ASCII)

# Postgres stores timeouts as milliseconds in a signed 32-bit integer.
LONGEST = 2_147_483.0


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Raises `ValueError`, which says what is valid.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        message = "is not a duration: write 30s, 5m, 1h, 250ms or plain seconds"
        raise ValueError(message)
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST:
        message = "is too long: Postgres allows at most 596h"
        raise ValueError(message)
    return seconds
