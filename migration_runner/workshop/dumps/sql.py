"""Names in statements, as a revision has them."""

from __future__ import annotations

from typing import Final

from sqlalchemy.dialects import postgresql

from migration_runner.workshop.dumps.lexer import Kind, tokens
from migration_runner.workshop.dumps.objects import ObjectName

# SQLAlchemy knows which names are key words.
_PREPARER: Final = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's
_NAMES: Final = (Kind.WORD, Kind.QUOTED)
_REGCLASS: Final = [":", ":", "regclass"]
_SERIAL: Final = ["pg_get_serial_sequence", "("]


def quote(name: str) -> str:
    """Return a name in quotes, if it needs them."""
    # Before SQLAlchemy 2.1 the preparer refuses an empty name, as some objects have.
    return str(_PREPARER.quote(name)) if name else ""


def qualified(schema: str, name: str) -> str:
    """Return a name with its schema, if it has one."""
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def table_of(name: ObjectName) -> str:
    """Return the table that an object belongs to."""
    return qualified(name.schema, name.table)


def unqualified(statement: str, default_schema: str) -> str:
    """Leave out the schema that is found without being named, as revisions do."""
    found = tokens(statement)
    start = f"'{quote(default_schema)}."
    pieces, position = [], 0
    for number, token in enumerate(found):
        before = [each.text for each in found[max(number - 2, 0) : number]]
        after = [each.text for each in found[number + 1 : number + 4]]
        if token.kind in _NAMES:
            if token.identifier != default_schema or after[:1] != ["."] or len(after) == 1:
                continue
            pieces.append(statement[position : token.start])
            position = found[number + 2].start
        elif token.text.startswith(start) and (after == _REGCLASS or before == _SERIAL):
            # nextval('public.orders_id_seq'::regclass)
            pieces.append(f"{statement[position : token.start]}'")
            position = token.start + len(start)
    return "".join(pieces) + statement[position:]


def literals(labels: str) -> list[str]:
    """Return the values of the string literals in a text."""
    return [
        token.text[1:-1].replace("''", "'") for token in tokens(labels) if token.kind is Kind.STRING
    ]
