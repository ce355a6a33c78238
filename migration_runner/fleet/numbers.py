"""Numbers in the words of the command line."""

from __future__ import annotations

import re


def parse_number(text: str) -> int | None:
    """Return what decimal digits say; None for anything else, such as too many of them."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
