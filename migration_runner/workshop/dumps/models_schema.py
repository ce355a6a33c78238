"""The models' schema, made in an empty database so that it can be dumped."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from migration_runner.errors import HistoryError
from migration_runner.workshop.dumps.borrowed import Borrowed
from migration_runner.workshop.dumps.cursor import Cursor
from migration_runner.workshop.dumps.objects import Schema
from migration_runner.workshop.dumps.sql import qualified, quote

MetaDatas = Sequence[sqlalchemy.MetaData]
_USUAL: Final = "public"


def create_models(
    bind: sqlalchemy.engine.Engine | sqlalchemy.engine.Connection,
    metadata: sqlalchemy.MetaData | MetaDatas | Mapping[str, MetaDatas],
    migrated: Schema,
) -> None:
    """Make the tables of one or several metadatas in an empty database, and commit.

    By a schema's name: those whose tables without a schema of their own belong there.

    What models need but cannot make (extensions, functions, sequences, types that are not theirs)
    comes from the migrated schema. Raises `HistoryError` with the table and what is missing.
    """
    if isinstance(metadata, sqlalchemy.MetaData):
        metadata = [metadata]
    placed = metadata if isinstance(metadata, Mapping) else {_USUAL: metadata}
    for metadatas in placed.values():
        _refuse_duplicates(metadatas)
    with _connected(bind) as connection:
        borrowed = Borrowed(migrated)
        turns = max(map(len, placed.values()), default=0)
        while True:
            try:
                _attempt(connection, placed, borrowed)
            except DBAPIError as error:
                # In one line without the statement, in which anything may be named.
                said = (str(error.orig).strip().splitlines() or [""])[0]
                if borrowed.learn(said):
                    continue
                # Foreign keys of the first can be to tables of the others.
                placed = {schema: [*group[1:], *group[:1]] for schema, group in placed.items()}
                turns -= 1
                if turns <= 0:
                    raise _not_created(said, error.statement) from error
            except SQLAlchemyError as error:
                raise _not_created(str(error), None) from error
            else:
                return


def _attempt(
    connection: sqlalchemy.engine.Connection,
    placed: Mapping[str, MetaDatas],
    borrowed: Borrowed,
) -> None:
    metadatas = [each for group in placed.values() for each in group]
    with _transaction(connection):
        # What functions use may come after them.
        _run(connection, "SET LOCAL check_function_bodies = off")
        for statement in borrowed.first():
            _run(connection, statement)
        for schema in sorted((_schemas(metadatas) | placed.keys()) - borrowed.refused_schemas()):
            _run(connection, f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        if borrowed.copied:
            # With the models' values, before a function or a domain needs one.
            for schema, group in placed.items():
                with _made_in(connection, schema):
                    for enum in _own_enums(group):
                        enum.create(connection, checkfirst=True)
        for statement in borrowed.copies():
            _run(connection, statement)
        for schema, group in placed.items():
            with _made_in(connection, schema):
                for each in group:
                    each.create_all(connection)


@contextlib.contextmanager
def _made_in(connection: sqlalchemy.engine.Connection, schema: str) -> Iterator[None]:
    """Let what has no schema of its own be made, and looked for, in this one."""
    if schema == _USUAL:
        yield
        return
    usual = connection.dialect.default_schema_name
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    _run(connection, f"SET LOCAL search_path = {quote(schema)}, {quote(_USUAL)}")
    connection.dialect.default_schema_name = schema
    try:
        yield
        _run(connection, f"SET LOCAL search_path = {path}")
    finally:
        connection.dialect.default_schema_name = usual


def _run(connection: sqlalchemy.engine.Connection, statement: str) -> None:
    """Run a statement as it is, also with percent signs."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _schemas(metadatas: Sequence[sqlalchemy.MetaData]) -> set[str]:
    tables = {
        str(table.schema) for each in metadatas for table in each.tables.values() if table.schema
    }
    return tables | {str(enum.schema) for enum in _own_enums(metadatas) if enum.schema}


def _own_enums(metadatas: Sequence[sqlalchemy.MetaData]) -> Iterator[sqlalchemy.Enum]:
    """Yield the enum types that the models make."""
    for each in metadatas:
        for table in each.tables.values():
            for column in table.columns:
                kind = getattr(column.type, "item_type", column.type)
                if (
                    isinstance(kind, sqlalchemy.Enum)
                    and kind.name
                    and kind.native_enum
                    and getattr(kind, "create_type", True)
                ):
                    yield kind


def _refuse_duplicates(metadatas: Sequence[sqlalchemy.MetaData]) -> None:
    """Refuse what Alembic refuses: it could not say which of the two is meant."""
    counts = Counter(
        qualified(table.schema or "", table.name)
        for each in metadatas
        for table in each.tables.values()
    )
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        message = (
            "Several metadatas of target_metadata have a table of the same name:"
            f" {', '.join(twice)}. Nothing was compared. Keep one of them."
        )
        raise HistoryError(message, reason="models_not_created", tables=twice)


def _not_created(said: str, statement: str | None) -> HistoryError:
    what = ""
    if statement:
        words = Cursor(statement)
        kind = " ".join(words.next().text for _ in range(2))
        what = f" at {kind} {'.'.join(words.path())}"
    message = (
        f"The tables of the models could not be created in an empty database{what}:"
        f" {said.rstrip('.')}. Nothing was compared. Let the models or a revision create what is"
        " missing."
    )
    return HistoryError(message, reason="models_not_created")


@contextlib.contextmanager
def _connected(
    bind: sqlalchemy.engine.Engine | sqlalchemy.engine.Connection,
) -> Iterator[sqlalchemy.engine.Connection]:
    if isinstance(bind, sqlalchemy.engine.Connection):
        yield bind
        return
    with bind.connect() as connection:
        yield connection


@contextlib.contextmanager
def _transaction(connection: sqlalchemy.engine.Connection) -> Iterator[None]:
    """Run one attempt: all of it, or nothing."""
    with connection.begin_nested() if connection.in_transaction() else connection.begin():
        yield
