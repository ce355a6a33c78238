"""CREATE DOMAIN and ALTER DOMAIN, as a dump has them."""

from __future__ import annotations

from typing import Final

from migration_runner.workshop.dumps.cursor import Cursor, one_line
from migration_runner.workshop.dumps.objects import ObjectName, Schema

_CONSTRAINT: Final = frozenset({"CONSTRAINT"})


def read_domain(schema: Schema, cursor: Cursor) -> bool:
    """Add a domain and its checks to a schema; return whether the statement is on one."""
    if cursor.take("ALTER DOMAIN"):
        of, domain = cursor.qualified()
        cursor.take("ADD")
    elif cursor.take("CREATE DOMAIN"):
        of, domain = cursor.qualified()
        cursor.take("AS")
        schema[ObjectName("domain", of, "", domain)] = one_line(cursor.until(_CONSTRAINT))
    else:
        return False
    while cursor.take("CONSTRAINT"):
        name = cursor.next().identifier
        text = cursor.until(_CONSTRAINT)
        if text.startswith("CHECK"):
            schema[ObjectName("domain check", of, domain, name)] = text
        else:
            # NOT NULL, whose name does not count.
            schema[ObjectName("domain", of, "", domain)] += f" {text}"
    return True
