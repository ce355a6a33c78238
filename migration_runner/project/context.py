"""What an env.py has configured: Alembic's context, as far as a run deals with it."""

from __future__ import annotations

import sqlalchemy
from alembic.runtime.migration import MigrationContext


class ConfiguredContext:
    """What env.py has configured: a connection, and the version table on it."""

    def __init__(self, context: MigrationContext) -> None:
        self._context = context
        self.version_table = context.version_table
        self.version_table_schema = context.version_table_schema

    @property
    def offline(self) -> bool:
        """Whether Alembic only writes SQL: `--sql`."""
        return bool(self._context.as_sql)

    @property
    def transactional_ddl(self) -> bool:
        """Whether the kind of database rolls DDL back."""
        return bool(self._context.impl.transactional_ddl)

    @property
    def translates_schemas(self) -> bool:
        """Whether the connection takes schemas for others: only SQLAlchemy can name a table."""
        connection = self._context.connection
        return connection is not None and bool(
            connection.get_execution_options().get("schema_translate_map")
        )

    @property
    def connection(self) -> sqlalchemy.Connection | None:
        """env.py's connection; None in offline mode."""
        return self._context.connection

    def heads(self) -> tuple[str, ...]:
        """Read the heads from the version table; none where there is no such table."""
        return tuple(sorted(self._context.get_current_heads()))

    def heads_on(self, connection: sqlalchemy.Connection, schema: str) -> tuple[str, ...]:
        """Read the heads from the same version table over another connection.

        There the search_path can be another one: the table is in `schema`.
        """
        opts = {"version_table": self.version_table, "version_table_schema": schema or None}
        return ConfiguredContext(MigrationContext.configure(connection, opts=opts)).heads()

    def change_nothing(self) -> None:
        """Keep Alembic from making the version table when nothing is going to be applied."""
        self._context.opts["dont_mutate"] = True

    def run_nothing(self) -> None:
        """Keep Alembic from asking the database anything at all."""
        self._context.run_migrations = lambda **_: None  # type: ignore[method-assign]  # of this instance
