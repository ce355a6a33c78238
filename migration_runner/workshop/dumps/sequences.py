"""A sequence's options, as ALTER takes them."""

from __future__ import annotations

import re
from typing import Final

_CYCLE: Final = re.compile(r"\bCYCLE\b")
_OPTION: Final = re.compile(
    r"AS \w+|START WITH -?\d+|INCREMENT BY -?\d+|NO MINVALUE|NO MAXVALUE|MINVALUE -?\d+"
    r"|MAXVALUE -?\d+|CACHE \d+|(?:NO )?CYCLE"
)


def alter_options(options: str, *, identity: bool = False) -> str:
    """Return the options for ALTER, which leaves alone what it does not name."""
    full = options
    if not identity and not options.startswith("AS "):
        full = f"AS bigint {full}"
    if not _CYCLE.search(options):
        full += " NO CYCLE"
    if not identity:
        return full
    return " ".join(f"SET {option}" for option in _OPTION.findall(full))
