r"""Text without characters that a terminal obeys, or that no encoding has.

Control characters become what Python and JSON write for them, such as `\u001b`: also a text that
is JSON already stays valid, and means the same.
"""

from __future__ import annotations

import re
from typing import Final

# C0 but tab and line feed, DEL, C1, Unicode's line ends, and what changes the direction of writing.
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_SURROGATES: Final = re.compile("[\ud800-\udfff]+")


def plain_text(text: str) -> str:
    """Return `text` with its control characters escaped; line ends become line feeds."""
    if text.isprintable():
        return text
    return _OBEYED.sub(_escape, text.replace("\r\n", "\n"))


def without_surrogates(text: str) -> str:
    r"""Return `text` with lone surrogates escaped: a byte that is not UTF-8 is `\udce9`, say."""
    if text.isascii():
        return text
    return _SURROGATES.sub(lambda found: found[0].encode(errors="backslashreplace").decode(), text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
