"""What is added to a revision that autogenerate writes: SQL, and enum types.

Alembic hands what it is about to write to `process_revision_directives`
(https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html#customizing-revision-generation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

_PREPARER: Final = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's


@dataclass(frozen=True)
class Additions:
    """Statements around what Alembic writes, and the names of the enum types in the database.

    A name is qualified where its schema is not the default one.
    """

    first_in_upgrade: tuple[str, ...] = ()
    last_in_upgrade: tuple[str, ...] = ()
    first_in_downgrade: tuple[str, ...] = ()
    last_in_downgrade: tuple[str, ...] = ()
    existing_types: frozenset[str] = frozenset()


def adding(theirs: Callable[..., None] | None, additions: Additions) -> Callable[..., None]:
    """Return a hook that adds to what `theirs` leaves: nothing where that is nothing."""

    def process(context: Any, revision: Any, directives: list[Any]) -> None:
        if theirs is not None:
            theirs(context, revision, directives)
        for script in directives[:1]:
            up, down = script.upgrade_ops, script.downgrade_ops
            created = _fit_types(up, down, additions.existing_types)
            up.ops[:0] = _executed([*additions.first_in_upgrade, *created.values()])
            up.ops += _executed(additions.last_in_upgrade)
            down.ops[:0] = _executed(additions.first_in_downgrade)
            dropped = [f"DROP TYPE {name}" for name in reversed(_new_types(up, additions))]
            down.ops += _executed([*dropped, *additions.last_in_downgrade])

    return process


def _executed(statements: Iterable[str]) -> list[Any]:
    return [ops.ExecuteSQLOp(statement) for statement in statements]


def _fit_types(up: Any, down: Any, existing: frozenset[str]) -> dict[str, str]:
    """Let tables not make the types that are there; return what makes those of new columns.

    `op.create_table` makes its types, `op.add_column` does not.
    """
    for column, in_table in [*_columns(up), *_columns(down)]:
        found = _enum(column.type)
        if in_table and found is not None and _name(found) in existing:
            _replace(column, found)
    by_table = {
        _name(found)
        for column, in_table in _columns(up)
        if in_table and (found := _enum(column.type)) is not None
    }
    made: dict[str, str] = {}
    for column, in_table in _columns(up):
        found = _enum(column.type)
        if found is None or in_table or _name(found) in existing | by_table:
            continue
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in found.enums)
        made[_name(found)] = f"CREATE TYPE {_name(found)} AS ENUM ({labels})"
    return made


def _new_types(up: Any, additions: Additions) -> list[str]:
    names = {
        _name(found): None
        for column, _ in _columns(up)
        if (found := _enum(column.type)) is not None
        and _name(found) not in additions.existing_types
    }
    return list(names)


def _columns(container: Any) -> Iterator[tuple[Any, bool]]:
    """Yield the columns that operations make, and whether that is with their table."""
    for each in container.ops:
        if isinstance(each, ops.CreateTableOp):
            for column in each.columns:
                if isinstance(column, sqlalchemy.Column):
                    yield column, True
        elif isinstance(each, ops.AddColumnOp):
            yield each.column, False
        elif isinstance(each, ops.AlterColumnOp) and each.modify_type is not None:
            # As far as a new column is like it.
            yield sqlalchemy.Column(each.column_name, each.modify_type), False
        elif hasattr(each, "ops"):
            yield from _columns(each)


def _enum(kind: Any) -> Any:
    """Return the enum type of the server's that a column has, or has an array of."""
    if isinstance(kind, sqlalchemy.ARRAY):
        kind = kind.item_type
    native = isinstance(kind, sqlalchemy.Enum) and kind.native_enum and kind.name
    return kind if native else None


def _name(kind: Any) -> str:
    schema = f"{_PREPARER.quote(kind.schema)}." if kind.schema else ""
    return schema + _PREPARER.quote(kind.name)


def _replace(column: Any, found: Any) -> None:
    """Give a column the same type, in the form that nothing makes."""
    fixed = postgresql.ENUM(*found.enums, name=found.name, schema=found.schema, create_type=False)
    if isinstance(column.type, sqlalchemy.ARRAY):
        column.type = postgresql.ARRAY(fixed, dimensions=column.type.dimensions)
    else:
        column.type = fixed
