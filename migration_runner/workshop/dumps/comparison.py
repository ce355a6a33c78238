"""A migrated schema and the models' one, compared object by object."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from migration_runner.workshop.dumps.changes import CONCURRENTLY, change
from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.definitions import Definitions
from migration_runner.workshop.dumps.difference import Difference, SchemaDifference
from migration_runner.workshop.dumps.indexes import parse_index
from migration_runner.workshop.dumps.objects import CONSTRAINTS, ObjectName, Schema
from migration_runner.workshop.dumps.prepared import Prepared, prepare
from migration_runner.workshop.dumps.relevance import Relevance, is_automatic
from migration_runner.workshop.dumps.sentences import subject
from migration_runner.workshop.dumps.sql import qualified, quote, table_of, unqualified

VERSION_TABLE: Final = frozenset({"alembic_version"})
# They are dropped at the end, when nothing that stays is on them any more.
_LATE: Final = frozenset({"column", "enum"})
_LOST_VALUES: Final = "The values of the column are lost; the downgrade brings it back empty."
_FILLED: Final = (
    "A new NOT NULL column without a default cannot be added to a table with rows: add it as"
    " nullable, fill it, then SET NOT NULL."
)


def compare(
    schema: Schema,
    models: Schema,
    ignored: AbstractSet[str] = VERSION_TABLE,
    default_schema: str = "public",
) -> list[SchemaDifference]:
    """Return how a migrated schema differs from the models, in the order of the upgrade.

    `ignored` are tables, with their schema or without. Statements and sentences leave out the name
    of the default schema. Both dumps have to be of one server.
    """
    comparison = _Comparison(prepare(schema, models), prepare(models, schema), ignored)
    return [_shortened(each, default_schema) for each in comparison.differences()]


class _Comparison:
    def __init__(self, schema: Prepared, models: Prepared, ignored: AbstractSet[str]) -> None:
        self._schema = schema
        self._models = models
        self._relevance = Relevance(schema, models, ignored)
        there, wanted = schema.objects, models.objects
        self._missing = [
            name for name in wanted if name not in there and self._relevance.of_models(name)
        ]
        self._only = [
            name for name in there if name not in wanted and self._relevance.of_schema(name)
        ]

    def differences(self) -> Iterator[SchemaDifference]:
        renamed = {new: old for old, new in self._renamed()}
        kept = set(renamed.values())
        dropped = [self._drop(name) for name in reversed(self._only) if name not in kept]
        yield from (each for each in dropped if each.name.kind not in _LATE)
        missing = set(self._missing) - set(renamed)
        for table in [name for name in missing if name.kind == "table"]:
            missing.difference_update(Definitions(self._models).with_table(table))
        for name in self._models.objects:
            if name in missing:
                yield self._create(name)
            elif name in renamed:
                if not (name.kind in CONSTRAINTS and is_automatic(name)):
                    yield self._rename(renamed[name], name)
            elif name in self._schema.objects and self._differs(name):
                yield self._change(name)
        yield from (each for each in dropped if each.name.kind in _LATE)

    def _differs(self, name: ObjectName) -> bool:
        differs = self._schema.objects[name] != self._models.objects[name]
        return differs and self._relevance.of_models(name)

    def _renamed(self) -> Iterator[tuple[ObjectName, ObjectName]]:
        """Yield the constraints and indexes that differ in their names only."""
        free: dict[object, list[ObjectName]] = {}
        for new in self._missing:
            if new.kind in CONSTRAINTS | {"index"}:
                free.setdefault(_without_name(new, self._models), []).append(new)
        for old in self._only:
            if alike := free.get(_without_name(old, self._schema)):
                yield old, alike.pop(0)

    def _rename(self, old: ObjectName, new: ObjectName) -> SchemaDifference:
        def rename(one: ObjectName, other: ObjectName) -> str:
            if one.kind == "index":
                own = qualified(one.schema, one.name)
                return f"ALTER INDEX {own} RENAME TO {quote(other.name)}"
            names = f"{quote(one.name)} TO {quote(other.name)}"
            return f"ALTER TABLE {table_of(one)} RENAME CONSTRAINT {names}"

        return SchemaDifference(
            new,
            Difference.DIFFERENT,
            self._schema.objects[old],
            self._models.objects[new],
            f"{subject(new)} is named {old.name} in the history.",
            (rename(old, new),),
            (rename(new, old),),
            is_rename=True,
        )

    def _create(self, name: ObjectName) -> SchemaDifference:
        definitions = Definitions(self._models)
        up = definitions.create(name)
        advice = CONCURRENTLY if name.kind == "index" else ""
        if name.kind == "column":
            column = parse_column(self._models.objects[name])
            supplied = column.default or column.generated or column.identity
            advice = _FILLED if column.not_null and not supplied else ""
        return SchemaDifference(
            name,
            Difference.MISSING,
            None,
            self._models.objects[name],
            f"{subject(name)} is missing in the history.",
            up,
            definitions.drop(name),
            advice,
        )

    def _drop(self, name: ObjectName) -> SchemaDifference:
        definitions = Definitions(self._schema)
        sentence = f"{subject(name)} is only in the history; the models do not have it."
        advice = _LOST_VALUES if name.kind == "column" else ""
        if name.kind == "enum":
            own = qualified(name.schema, name.name)
            sentence = f"{subject(name)} is used by no column, and the models do not have it."
            advice = (
                "It was left behind by a column that was dropped or changed, or by a downgrade:"
                f" DROP TYPE {own}."
            )
        return SchemaDifference(
            name,
            Difference.ONLY_IN_SCHEMA,
            self._schema.objects[name],
            None,
            sentence,
            definitions.drop(name),
            definitions.create(name),
            advice,
        )

    def _change(self, name: ObjectName) -> SchemaDifference:
        made = change(name, self._schema, self._models)
        return SchemaDifference(
            name,
            Difference.DIFFERENT,
            self._schema.objects[name],
            self._models.objects[name],
            f"{subject(name)} {made.said}.",
            made.upgrade,
            made.downgrade,
            made.advice,
        )


def _without_name(name: ObjectName, prepared: Prepared) -> object:
    text = prepared.objects[name]
    body = parse_index(text) if name.kind == "index" else text
    return (name.kind, name.schema, name.table, body)


def _shortened(difference: SchemaDifference, default_schema: str) -> SchemaDifference:
    def short(text: str) -> str:
        return unqualified(text, default_schema)

    return dataclasses.replace(
        difference,
        sentence=short(difference.sentence),
        upgrade=tuple(short(each) for each in difference.upgrade),
        downgrade=tuple(short(each) for each in difference.downgrade),
        advice=short(difference.advice),
    )
