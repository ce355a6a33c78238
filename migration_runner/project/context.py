"""What env.py has configured: the part of Alembic's context that a run uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy
from alembic.runtime.migration import MigrationContext

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.sql_literals import identifier, literal
from migration_runner.database.statements import execute_plain


class ConfiguredContext:
    """What env.py has configured: a connection and a version table."""

    def __init__(self, context: MigrationContext) -> None:
        self._context = context
        self.version_table = context.version_table
        self.version_table_schema = context.version_table_schema

    @property
    def offline(self) -> bool:
        """Whether Alembic only prints SQL: `--sql`."""
        return bool(self._context.as_sql)

    @property
    def transactional_ddl(self) -> bool:
        """Whether the database can roll back DDL."""
        return bool(self._context.impl.transactional_ddl)

    @property
    def translates_schemas(self) -> bool:
        """Whether the connection maps schema names: then only SQLAlchemy knows a table's schema."""
        connection = self._context.connection
        return connection is not None and bool(
            connection.get_execution_options().get("schema_translate_map")
        )

    @property
    def connection(self) -> sqlalchemy.Connection | None:
        """env.py's connection; None in offline mode."""
        return self._context.connection

    def heads(self) -> tuple[str, ...]:
        """Read the heads from the version table; none if there is no such table."""
        return tuple(sorted(self._context.get_current_heads()))

    def heads_on(self, connection: sqlalchemy.Connection, schema: str | None) -> tuple[str, ...]:
        """Read the heads from the same version table over another connection.

        The table is in `schema`; without one, where the other connection's search_path leads.
        """
        if connection.dialect.name == POSTGRES:
            # SQLAlchemy would keep a compiled statement for each version table.
            names = [schema, self.version_table] if schema else [self.version_table]
            table = ".".join(map(identifier, names))
            exists = f"SELECT to_regclass({literal(table)}) IS NOT NULL"
            if not execute_plain(connection, exists).scalar():
                return ()
            query = f"SELECT version_num FROM {table}"  # noqa: S608 - identifiers
            return tuple(sorted(execute_plain(connection, query).scalars()))
        opts = {"version_table": self.version_table, "version_table_schema": schema or None}
        return ConfiguredContext(MigrationContext.configure(connection, opts=opts)).heads()

    def change_nothing(self) -> None:
        """Keep Alembic from creating the version table, since nothing will be applied."""
        # In options of its own: env.py's contexts share theirs.
        self._context.opts = {**self._context.opts, "dont_mutate": True}

    def guard(self, around: Callable[[Callable[[], None]], None]) -> None:
        """Let `around` call Alembic's `run_migrations`."""
        run = self._context.run_migrations

        def run_migrations(**words: Any) -> None:
            around(lambda: run(**words))

        self._context.run_migrations = run_migrations  # type: ignore[method-assign]  # of this instance

    def run_nothing(self) -> None:
        """Keep Alembic from querying the database at all."""
        self._context.run_migrations = lambda **_: None  # type: ignore[method-assign]  # of this instance
