"""What differs between a migrated schema and its models, in words and in SQL."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from migration_runner.workshop.dumps.objects import ObjectName

# What tables can need; a revision makes it before it changes them.
_BEFORE_TABLES: Final = frozenset(
    {"schema", "extension", "collation", "enum", "domain", "domain check", "type", "sequence"}
    | {"function", "procedure", "aggregate"}
)


class Difference(enum.Enum):
    """How the migrated schema and the models differ in an object."""

    MISSING = "missing in the schema"
    ONLY_IN_SCHEMA = "only in the schema"
    DIFFERENT = "different"


@dataclass(frozen=True)
class SchemaDifference:
    """`upgrade` brings the migrated schema to the models, and `downgrade` back.

    Where statements cannot do so, or not without a decision, `advice` says what to do. A text is
    None where the object is not there. `is_rename`: only the name differs, of an index or a
    constraint.
    """

    name: ObjectName
    difference: Difference
    schema_text: str | None
    models_text: str | None
    sentence: str
    upgrade: tuple[str, ...] = ()
    downgrade: tuple[str, ...] = ()
    advice: str = ""
    is_rename: bool = False

    @property
    def before_tables(self) -> bool:
        """Whether tables may need it: its upgrade comes before theirs, its downgrade after."""
        return self.name.kind in _BEFORE_TABLES and self.difference is not Difference.ONLY_IN_SCHEMA


def upgrade_statements(differences: Iterable[SchemaDifference]) -> list[str]:
    """Return the statements of all differences, which `compare` has put into their order."""
    return [statement for each in differences for statement in each.upgrade]


def downgrade_statements(differences: Iterable[SchemaDifference]) -> list[str]:
    """Return the statements that undo those, in the opposite order."""
    return [statement for each in reversed(list(differences)) for statement in each.downgrade]
