"""What is added to a revision that autogenerate writes: SQL, and enum types.

Alembic hands what it is about to write to `process_revision_directives`
(https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html#customizing-revision-generation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from migration_runner.database.sql_literals import plain_literal
from migration_runner.project.rendered_sql import RenderedSQL, Statement

_PREPARER: Final = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's
_NEW_TYPE: Final = "Not seen by Alembic: add_column does not create the type of a new column."

# The schema of an enum type, and its name.
TypeName = tuple[str, str]
# Schema and table, the kind ("unique", "foreign key"), and the columns.
ConstraintKey = tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Additions:
    """Statements around what Alembic writes, and the enum types that the database has.

    `constraint_names` are those that PostgreSQL gives to what has none in the models, each once:
    without it, no downgrade could drop the constraint.
    With `own_changes`, Alembic writes no changes of columns' types and defaults; it never does so
    where an enum is involved: PostgreSQL needs USING, and the default set anew.
    """

    first_in_upgrade: tuple[Statement, ...] = ()
    last_in_upgrade: tuple[Statement, ...] = ()
    first_in_downgrade: tuple[Statement, ...] = ()
    last_in_downgrade: tuple[Statement, ...] = ()
    existing_types: frozenset[TypeName] = frozenset()
    constraint_names: Mapping[ConstraintKey, Sequence[str]] = field(default_factory=dict)
    default_schema: str = "public"
    own_changes: bool = False


def adding(theirs: Callable[..., None] | None, additions: Additions) -> Callable[..., None]:
    """Return env.py's hook with additions before it: it sees all that is to be written.

    Nothing is written where nothing is to be done.
    """

    def process(context: Any, revision: Any, directives: list[Any]) -> None:
        for script in directives[:1]:
            _add(script.upgrade_ops, script.downgrade_ops, additions)
        if theirs is not None:
            theirs(context, revision, directives)
        directives[:] = [each for each in directives if not each.upgrade_ops.is_empty()]

    return process


def _add(up: Any, down: Any, additions: Additions) -> None:
    if _name_constraints(up, additions):
        # As Alembic has made it from the upgrade before.
        up.reverse_into(down)
    for container in (up, down):
        _leave_out_changes(container, every=additions.own_changes)
    types = _Types(up, down, additions)
    types.let_tables_use_existing()
    created = _without(additions.first_in_upgrade, types.created())
    dropped = _without(additions.last_in_downgrade, types.dropped())
    up.ops[:0] = _rendered([*additions.first_in_upgrade, *created])
    up.ops += _rendered(additions.last_in_upgrade)
    down.ops[:0] = _rendered(additions.first_in_downgrade)
    down.ops += _rendered([*dropped, *additions.last_in_downgrade])


def _name_constraints(up: Any, additions: Additions) -> bool:
    """Give new constraints the names that PostgreSQL would; return whether there were any."""
    names = {key: list(each) for key, each in additions.constraint_names.items()}
    named = False
    for each in _flat(up):
        if isinstance(each, ops.CreateForeignKeyOp):
            place = each.kw.get("source_schema"), each.source_table, "foreign key"
            columns: Iterable[str] = each.local_cols
        elif isinstance(each, ops.CreateUniqueConstraintOp):
            place, columns = (each.schema, each.table_name, "unique"), each.columns
        else:
            continue
        schema, table, kind = place
        key = (schema or additions.default_schema, table, kind, tuple(map(str, columns)))
        if each.constraint_name is None and names.get(key):
            each.constraint_name = names[key].pop(0)
            named = True
    return named


def _flat(container: Any) -> Iterator[Any]:
    """Yield operations, and in place of those on a table what they consist of."""
    for each in container.ops:
        if hasattr(each, "ops"):
            yield from _flat(each)
        else:
            yield each


def _without(given: Iterable[Statement], statements: Iterable[Statement]) -> list[Statement]:
    known = {each.sql for each in given}
    return [each for each in statements if each.sql not in known]


def _rendered(statements: Iterable[Statement]) -> list[Any]:
    return [RenderedSQL(statement) for statement in statements]


def _leave_out_changes(container: Any, *, every: bool) -> None:
    """Let Alembic write no change of a type that the comparison of the schemas writes."""
    kept = []
    for each in container.ops:
        if isinstance(each, ops.AlterColumnOp):
            # MySQL's; Alembic writes it for all, and then warns of it.
            each.kw.pop("autoincrement", None)
            each.kw.pop("existing_autoincrement", None)
            of_enum = each.modify_type is not None and (
                _enum(each.modify_type) is not None or _enum(each.existing_type) is not None
            )
            if every or of_enum:
                each.modify_type = None
                each.modify_server_default = False
            if not each.has_changes():
                continue
        elif hasattr(each, "ops"):
            _leave_out_changes(each, every=every)
            if not each.ops:
                continue
        kept.append(each)
    container.ops[:] = kept


class _Types:
    """The enum types of new columns. `op.create_table` makes its own; `op.add_column` does not."""

    def __init__(self, up: Any, down: Any, additions: Additions) -> None:
        self._up = list(_columns(up))
        self._down = list(_columns(down))
        self._schema = additions.default_schema
        self._existing = additions.existing_types

    def let_tables_use_existing(self) -> None:
        """Let no table make a type that is there."""
        for column, in_table in [*self._up, *self._down]:
            found = _enum(column.type)
            if in_table and found is not None and self._key(found) in self._existing:
                _replace(column, found)

    def created(self) -> list[Statement]:
        """Return what makes those that no new table makes."""
        by_table = {
            self._key(found)
            for column, in_table in self._up
            if in_table and (found := _enum(column.type)) is not None
        }
        made: dict[TypeName, Statement] = {}
        for column, in_table in self._up:
            found = _enum(column.type)
            if found is None or in_table or self._key(found) in self._existing | by_table:
                continue
            labels = ", ".join(map(plain_literal, found.enums))
            sql = f"CREATE TYPE {_name(found)} AS ENUM ({labels})"
            made.setdefault(self._key(found), Statement(sql, "" if made else _NEW_TYPE))
        return list(made.values())

    def dropped(self) -> list[Statement]:
        """Return what drops all new ones: not even `op.drop_table` does so."""
        names = {
            self._key(found): _name(found)
            for column, _ in self._up
            if (found := _enum(column.type)) is not None
        }
        return [
            Statement(f"DROP TYPE {name}")
            for key, name in reversed(names.items())
            if key not in self._existing
        ]

    def _key(self, kind: Any) -> TypeName:
        return kind.schema or self._schema, kind.name


def _columns(container: Any) -> Iterator[tuple[Any, bool]]:
    """Yield the columns that operations make, and whether that is with their table."""
    for each in _flat(container):
        if isinstance(each, ops.CreateTableOp):
            for column in each.columns:
                if isinstance(column, sqlalchemy.Column):
                    yield column, True
        elif isinstance(each, ops.AddColumnOp):
            yield each.column, False


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
