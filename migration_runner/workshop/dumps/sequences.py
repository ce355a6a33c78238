"""A sequence's options, as ALTER takes them."""

from __future__ import annotations

import re
from typing import Final

from migration_runner.database.sql_literals import plain_literal
from migration_runner.workshop.dumps.objects import ObjectName
from migration_runner.workshop.dumps.sql import quote, table_of

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


def nextval(sequence: str) -> str:
    """Return the default of a column that takes its values from a sequence, as a dump has it."""
    return f"nextval({plain_literal(sequence)}::regclass)"


def continue_after(name: ObjectName) -> str:
    """Return what lets a column's new sequence go on behind the values that the table has.

    Without rows `setval` gets a null, and does nothing.
    """
    table, column = plain_literal(table_of(name)), plain_literal(name.name)
    sequence = f"pg_get_serial_sequence({table}, {column})"
    values = f"max({quote(name.name)})) FROM {table_of(name)}"
    return f"SELECT setval({sequence}, {values}"
