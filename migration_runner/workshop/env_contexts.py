"""What a project's env.py configures, without applying anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import sqlalchemy

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.statements import execute_plain
from migration_runner.database.version_tables import VersionChange
from migration_runner.history.request import CompletedStep, PlannedStep, Request
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.context import ConfiguredContext
from migration_runner.settings.settings import Settings

_USUAL_SCHEMA: Final = "public"


class EnvContexts:
    """Notes what env.py configures, and lets it do nothing: an `EnvListener`."""

    def __init__(self) -> None:
        self.contexts: list[ConfiguredContext] = []
        # Into which schema each has unqualified names lead: env.py may set a search_path.
        self.schemas: list[str] = []

    def configured(self, context: ConfiguredContext) -> None:
        """Note one."""
        self.contexts.append(context)
        self.schemas.append(_current_schema(context.connection))
        context.run_nothing()

    def metadata_by_schema(self) -> dict[str, list[sqlalchemy.MetaData]]:
        """Return the models by the schema that they are for, each metadata once."""
        found: dict[str, list[sqlalchemy.MetaData]] = {}
        for context, schema in zip(self.contexts, self.schemas, strict=True):
            here = found.setdefault(schema, [])
            here += [each for each in context.metadata if each not in here]
        return found

    def hidden_tables(self) -> frozenset[tuple[str, str]]:
        """Return schema and name of the tables that env.py hides from autogenerate."""
        return frozenset(
            (table.schema or schema, table.name)
            for context, schema in zip(self.contexts, self.schemas, strict=True)
            for each in context.metadata
            for table in each.tables.values()
            if not context.includes(table)
        )

    def apply(self, plan: object) -> Iterable[PlannedStep]:  # noqa: ARG002 - as in `EnvListener`
        """Nothing is to be applied."""
        return ()

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:  # noqa: ARG002 - as above
        """Nothing is applied."""
        return True

    def completed(self, step: CompletedStep) -> None:
        """Nothing is applied."""


def _current_schema(connection: sqlalchemy.Connection | None) -> str:
    """Return the schema in which a connection makes what has none; as usual, if it has none."""
    if connection is None or connection.dialect.name != POSTGRES:
        return _USUAL_SCHEMA
    return str(execute_plain(connection, "SELECT current_schema()").scalar() or _USUAL_SCHEMA)


def run_env(settings: Settings, offer: Callable[[], sqlalchemy.Connection]) -> EnvContexts:
    """Run env.py on the offered connection; return what it configures. Nothing is applied.

    Raises whatever it causes.
    """
    seen = EnvContexts()
    try:
        AlembicProject(settings.alembic).run_env(Request("upgrade", ("heads",)), offer, seen)
    except Exception:
        # After it has configured something, for want of what a revision makes.
        if not seen.contexts:
            raise
    return seen
