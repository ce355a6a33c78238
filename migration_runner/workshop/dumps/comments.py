"""What a COMMENT statement is on."""

from __future__ import annotations

from migration_runner.workshop.dumps.cursor import Cursor
from migration_runner.workshop.dumps.objects import ObjectName

# Those that are named with their table.
_OF_TABLES = ("CONSTRAINT", "TRIGGER", "POLICY", "RULE")


def comment_name(cursor: Cursor) -> ObjectName:
    """Read from behind COMMENT ON; the cursor is at IS afterwards."""
    kind = cursor.next().text
    if kind == "COLUMN":
        *schema, table, column = cursor.path()
        return ObjectName("comment", ".".join(schema), table, f"COLUMN {column}")
    if kind == "TABLE":
        schema_name, table = cursor.qualified()
        return ObjectName("comment", schema_name, table, "TABLE")
    if kind in _OF_TABLES:
        name = cursor.next().identifier
        cursor.take("ON")
        if not cursor.take("DOMAIN"):
            schema_name, table = cursor.qualified()
            return ObjectName("comment", schema_name, table, f"{kind} {name}")
        kind = f"{kind} {name} ON DOMAIN"
    rest = cursor.until(frozenset({"IS"}))
    return ObjectName("comment", "", "", f"{kind} {rest}")
