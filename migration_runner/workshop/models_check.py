"""Models against the schema that the history leads to: two dumps, object by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migration_runner.errors import ConfigError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.difference import SchemaDifference
from migration_runner.workshop.dumps.dump import dump_schema
from migration_runner.workshop.dumps.objects import Schema
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.tasks import Models
from migration_runner.workshop.workbench import MODELS, WORK, Workbench, open_workbench


@dataclass(frozen=True)
class ModelsCheck:
    """The models' schema, and in what the migrated one differs from it."""

    models: Models
    expected: Schema
    migrated: Schema
    differences: Sequence[SchemaDifference]

    def against(self, migrated: Schema) -> list[SchemaDifference]:
        """Return in what another schema differs from the models'."""
        return _compare(migrated, self.expected, self.models)


def check_models(bench: Workbench) -> ModelsCheck:
    """Compare the schema of the database WORK with the models'.

    Raises `ConfigError` if env.py passes no models, `HistoryError` if their tables cannot be made.
    """
    text = dump(bench, WORK)
    models = bench.create_models(text)
    if not models.found:
        message = (
            "env.py passes no models to compare with: pass target_metadata=... to"
            " context.configure()."
        )
        raise ConfigError(message, reason="no_metadata")
    migrated, expected = parse(text), parse(dump(bench, MODELS))
    return ModelsCheck(models, expected, migrated, _compare(migrated, expected, models))


def describe_models(settings: Settings) -> list[str]:
    """Return how models and history differ, on a server of our own. Raises as `check_models`."""
    project = AlembicProject(settings.alembic)
    heads = project.history.heads
    with open_workbench(settings, project, heads) as bench:
        if len(heads) == 1:
            bench.remember(heads[0])
        return [each.sentence for each in check_models(bench).differences]


def dump(bench: Workbench, database: str) -> str:
    """Return the dump of one of a workbench's databases."""
    return dump_schema(bench.databases.programs, bench.databases.parameters(database))


def _compare(migrated: Schema, expected: Schema, models: Models) -> list[SchemaDifference]:
    return compare(
        _visible(migrated, models), _visible(expected, models), ignored=models.version_tables
    )


def _visible(schema: Schema, models: Models) -> Schema:
    """Return what autogenerate sees: env.py can hide tables from it."""
    hidden = {(place or "public", name) for place, name in models.hidden}
    kept = Schema(
        (name, text)
        for name, text in schema.items()
        if (name.schema, name.table or name.name) not in hidden
    )
    kept.major = schema.major
    return kept
