"""Values written into the text of a statement, so that several go to the server in one message."""

from __future__ import annotations

from collections.abc import Sequence

Value = str | float | Sequence[str] | None


def literal(value: Value) -> str:
    """Return a value as SQL that means the same whatever the session is set to."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        # Postgres has no NUL; a statement would end there.
        plain = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return "E'" + plain.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, float | int):
        return f"{value!r}::double precision"
    return f"ARRAY[{', '.join(map(literal, value))}]::text[]"


def identifier(name: str) -> str:
    """Return a name as SQL: quoted, so that it means itself."""
    return '"' + name.replace('"', '""') + '"'
