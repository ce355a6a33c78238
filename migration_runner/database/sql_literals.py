"""Values and names as SQL text, so that several statements can be sent in one message."""

from __future__ import annotations

from collections.abc import Sequence

Value = str | float | Sequence[str] | None


def literal(value: Value) -> str:
    """Return a value as SQL that means the same with any settings of the session."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        # Postgres allows no NUL: the statement would end there. A surrogate, as Python makes of a
        # byte that is not UTF-8 in a file's name or a variable, cannot be sent.
        plain = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        plain = plain.encode(errors="backslashreplace").decode()
        return "E'" + plain.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, float | int):
        return f"{value!r}::double precision"
    return f"ARRAY[{', '.join(map(literal, value))}]::text[]"


def plain_literal(text: str) -> str:
    """Return a string as one writes it: a backslash is one with the server's usual settings."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'
