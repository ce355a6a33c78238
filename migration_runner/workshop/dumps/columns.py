"""A column's definition, clause by clause."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from migration_runner.workshop.dumps.cursor import Cursor, one_line

# Key words are in capitals in a dump, and names without quotes are not.
_CLAUSES: Final = frozenset(
    [
        "COLLATE",
        "DEFAULT",
        "GENERATED",
        "CONSTRAINT",
        "NOT",
        "NO",
        "STORAGE",
        "COMPRESSION",
        "STATISTICS",
        "SET",
        "OPTIONS",
    ]
)


@dataclass(frozen=True)
class Column:
    """`generated` is an expression, `identity` is ALWAYS or BY DEFAULT; "" is what it has not."""

    type: str
    collation: str = ""
    default: str = ""
    generated: str = ""
    stored: bool = False
    identity: str = ""
    sequence: str = ""
    sequence_options: str = ""
    not_null: bool = False
    no_inherit: bool = False
    storage: str = ""
    compression: str = ""
    statistics: str = ""
    settings: str = ""
    options: str = ""

    @property
    def definition(self) -> str:
        """What CREATE TABLE and ADD COLUMN take."""
        parts = [
            self.type,
            self.collation and f"COLLATE {self.collation}",
            self.default and f"DEFAULT {self.default}",
            self.generated and f"GENERATED ALWAYS AS {self.generated}{self._kept}",
            "NOT NULL" if self.not_null else "",
            "NO INHERIT" if self.no_inherit else "",
            self.identity and f"GENERATED {self.identity} AS IDENTITY ({self.identity_options})",
            self.options and f"OPTIONS {self.options}",
        ]
        return " ".join(part for part in parts if part)

    @property
    def _kept(self) -> str:
        return " STORED" if self.stored else ""

    @property
    def identity_options(self) -> str:
        """Those of the sequence of an identity column, with its name."""
        name = f"SEQUENCE NAME {self.sequence} " if self.sequence else ""
        return name + self.sequence_options

    @property
    def text(self) -> str:
        """All of it; `parse_column` reads it again."""
        parts = [
            self.definition,
            self.storage and f"STORAGE {self.storage}",
            self.compression and f"COMPRESSION {self.compression}",
            self.statistics and f"STATISTICS {self.statistics}",
            self.settings and f"SET {self.settings}",
        ]
        return " ".join(part for part in parts if part)


def parse_column(text: str) -> Column:
    """Return what a column's definition, without its name, says."""
    cursor = Cursor(text)
    found: dict[str, str | bool] = {"type": cursor.until(_CLAUSES)}
    while not cursor.done:
        if cursor.take("NOT NULL"):
            found["not_null"] = True
        elif cursor.take("NO INHERIT"):
            found["no_inherit"] = True
        elif cursor.take("CONSTRAINT"):
            # A NOT NULL constraint's name, which PostgreSQL 18 has; a rename does not change it.
            cursor.next()
        elif cursor.take("GENERATED"):
            found |= _generated(cursor)
        else:
            clause = cursor.next().text.lower()
            found[_FIELDS.get(clause, "default")] = cursor.until(_CLAUSES)
    return Column(**found)  # type: ignore[arg-type]  # each by its field's name


def _generated(cursor: Cursor) -> dict[str, str | bool]:
    how = cursor.until(frozenset({"AS"}))
    cursor.take("AS")
    if not cursor.take("IDENTITY"):
        expression = f"({cursor.parentheses()})"
        return {"generated": expression, "stored": cursor.take("STORED")}
    options = Cursor(one_line(cursor.parentheses()) if cursor.peek() == "(" else "")
    sequence = options.until(_OPTIONS) if options.take("SEQUENCE NAME") else ""
    return {"identity": how, "sequence": sequence, "sequence_options": options.rest()}


_OPTIONS: Final = frozenset(
    ["AS", "START", "INCREMENT", "NO", "MINVALUE", "MAXVALUE", "CACHE", "CYCLE"]
)
_FIELDS: Final = {"collate": "collation", "set": "settings"} | {
    field.name: field.name for field in fields(Column)
}
