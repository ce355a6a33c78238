"""A server and processes for one command of a developer, with a project's schema on it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migration_runner.errors import ConfigError, MigrationError, RevisionFailed
from migration_runner.history.manifest_history import ManifestHistory
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.chain import chain_of
from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.databases import Databases
from migration_runner.workshop.failures import describe_failure, needs_of
from migration_runner.workshop.hazards.statement import Statement
from migration_runner.workshop.own_databases import OwnDatabases
from migration_runner.workshop.processes import Processes, TaskEnded
from migration_runner.workshop.programs import find_programs
from migration_runner.workshop.shadow_databases import shadow_databases
from migration_runner.workshop.stand_ins import stand_ins_setting, stood_in
from migration_runner.workshop.tasks import Models, Upgraded, workshop_settings
from migration_runner.workshop.templates import TEMPLATE, Templates, cache_folder

WORK: Final = "work"
MODELS: Final = "models"
_NEXT: Final = "next"
# MIGRATE_SHADOW for a server that is started.
_NEW: Final = "new"
_MISSING_ROLE: Final = re.compile(r'role "([^"]+)" does not exist')
_MISSING_EXTENSION: Final = re.compile(r'extension "([^"]+)" is not available')
# What says to libpq, or to an application, where another database is.
_UNSET: Final = (
    *("MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE", "DATABASE_URL_FILE"),
    *("PGHOSTADDR", "PGPORT", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGOPTIONS", "PGSSLMODE"),
)


@dataclass
class Built:
    """What is in the cache of a history: where WORK came from, and what is to be kept.

    `revision` is empty if WORK was made from nothing. `without` are the extensions that it should
    have, in their order.
    """

    templates: Templates | None = None
    revision: str = ""
    next_revision: str = ""
    without: dict[str, None] = field(default_factory=dict)


class Workbench:
    """The server's databases, and the project's commands on them."""

    def __init__(
        self,
        settings: Settings,
        project: AlembicProject,
        databases: Databases,
        built: Built,
    ) -> None:
        """Make the database WORK, from what was built before."""
        self.settings = workshop_settings(settings)
        self.project = project
        self.databases = databases
        self.built = built
        self.failed_statements: Sequence[Statement] = ()
        self._recorded: ManifestHistory | None = None
        databases.create(WORK, TEMPLATE if built.revision else "")
        self.processes = Processes(self._environment())

    def upgrade(
        self, database: str, targets: Sequence[str], *, observe: bool = False
    ) -> Sequence[Statement]:
        """Upgrade a database, in one process; return what was executed, if it is observed.

        On a server of our own, roles that a revision takes for granted are made. Raises what a run
        raises; then `failed_statements` has what was executed.
        """
        while True:
            try:
                done: Upgraded = self.run(
                    "upgrade",
                    database,
                    targets=tuple(targets),
                    observe=observe,
                    recorded=self._recorded,
                )
                if done.error is None:
                    self.built.without.update(dict.fromkeys(done.refused))
                    return done.statements
                self.failed_statements = done.statements
                raise done.error
            except MigrationError as error:
                self._explain_extension(error)
                missing = _MISSING_ROLE.search(str(error.facts.get("message") or error.message))
                if missing is None or not self.databases.make_role(missing[1]):
                    raise

    def downgrade(self, database: str, target: str) -> None:
        """Downgrade a database, in one process. Raises what a run raises."""
        self.run("downgrade", database, target=target, recorded=self._recorded)

    def alembics_differences(self, database: str) -> list[str]:
        """Return what Alembic sees that differs between models and a database."""
        found: list[str] = self.run("compare", database)
        return found

    def create_models(self, migrated: str) -> Models:
        """Make the database MODELS of the models; `migrated` is the migrated schema's dump."""
        self.databases.drop(MODELS)
        self.databases.create(MODELS)
        found: Models = self.run("create_models", MODELS, migrated=migrated)
        return found

    def remember_files(self) -> None:
        """Let the processes that follow read only the revisions that they run, as in an image.

        That pays where they are many, and no file changes meanwhile.
        """
        project = self.project
        if (revisions := project.manifest_revisions()) is not None:
            folders = tuple(map(str, project.folders[1:]))
            self._recorded = ManifestHistory(revisions, project.history.heads, folders)

    def rebuild(self, revisions: Sequence[str]) -> None:
        """Make WORK anew, from nothing."""
        self.databases.drop(WORK)
        self.databases.create(WORK)
        if revisions:
            self.upgrade(WORK, revisions)

    def remember(self, revision: str) -> None:
        """Keep WORK's schema for later commands: it is at this revision, and nothing else."""
        if self.built.templates is not None and revision != self.built.revision:
            self.databases.drop(_NEXT)
            self.databases.create(_NEXT, WORK)
            self.built.next_revision = revision

    def run(self, task: str, database: str, **words: Any) -> Any:
        """Carry out one of `tasks` on a database."""
        parameters = self.databases.parameters(database)
        return self.processes.run(task, settings=self.settings, parameters=parameters, **words)

    @property
    def description(self) -> str:
        """Which server was used, and in what it differs from one as it is installed."""
        parts = []
        if extensions := stood_in(self.databases.parameters(WORK)):
            parts.append(f"stand-ins: {', '.join(extensions)}")
        if self.built.without:
            parts.append(f"missing extensions: {', '.join(self.built.without)}")
        if roles := self.databases.made_roles():
            parts.append(f"roles created: {', '.join(roles)}")
        special = f" ({'; '.join(parts)})" if parts else ""
        return self.databases.description + special

    def _environment(self) -> dict[str, str | None]:
        """Return what tells env.py, and libpq in it, which database is meant."""
        parameters = self.databases.parameters(WORK)
        return {
            **dict.fromkeys(_UNSET),
            "DATABASE_URL": self.databases.url(WORK),
            "PGDATABASE": parameters["dbname"],
            "PGHOST": parameters.get("host"),
            "PGUSER": parameters.get("user"),
            "PGPORT": parameters.get("port"),
            "PGPASSWORD": parameters.get("password"),
        }

    def _explain_extension(self, error: MigrationError) -> None:
        missing = _MISSING_EXTENSION.search(str(error.facts.get("message") or error.message))
        if missing is None:
            return
        message = (
            f"{error.message} The extension {missing[1]} is not on {self.databases.description}."
            " Use a server that has it: one that is installed here (MIGRATE_POSTGRES names its"
            " major version, or the folder of its programs), or --shadow URL."
        )
        raise ConfigError(message, reason="missing_extension", extension=missing[1]) from error


@contextlib.contextmanager
def open_workbench(
    settings: Settings, project: AlembicProject, at: Sequence[str]
) -> Iterator[Workbench]:
    """Have a server for the block, whose database WORK is at the revisions `at`.

    Schemas that were built before are taken from the cache.
    Raises `ConfigError` if there is no server, and what a run raises.
    """
    with contextlib.ExitStack() as stack:
        if settings.shadow not in ("", _NEW):
            databases: Databases = stack.enter_context(shadow_databases(settings.shadow))
            bench = Workbench(settings, project, databases, Built())
        else:
            bench = stack.enter_context(_own_workbench(settings, project, at))
        stack.callback(bench.processes.close)
        if at and (bench.built.revision,) != tuple(at):
            try:
                bench.upgrade(WORK, at)
            except (RevisionFailed, TaskEnded) as error:
                raise _not_applied(bench, error) from error
        yield bench


def _not_applied(bench: Workbench, error: MigrationError) -> RevisionFailed:
    """Return the error without what a run would say about a database that is kept."""
    file, line = error.facts.get("file"), error.facts.get("line")
    place = ", ".join(filter(None, (file, f"line {line}" if line else "")))
    which = f"revision {error.facts.get('revision')} ({place}) fails: " if file else ""
    message = (
        f"The history cannot be applied on {bench.databases.description}: {which}"
        f"{describe_failure(error)} {needs_of(error)}"
    )
    return RevisionFailed(message.strip(), **error.facts)


@contextlib.contextmanager
def _own_workbench(
    settings: Settings, project: AlembicProject, at: Sequence[str]
) -> Iterator[Workbench]:
    programs = find_programs(settings.postgres)
    templates = Templates(cache_folder(settings.cache), programs)
    chain = chain_of(project, settings, programs.version)
    # What is nearest comes first.
    known = reversed(project.history.in_order(project.history.with_ancestors(at)))
    by_digest = {chain[name]: name for name in known}
    found = templates.find(by_digest)
    copied = False

    def fill(data: Path, initialize: Callable[[], None]) -> None:
        nonlocal copied
        copied = templates.fill(found, data, initialize)

    cluster = Cluster(programs, fill, settings=stand_ins_setting(programs))
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        built = Built(templates)
        if found is not None and copied:
            built.revision = by_digest[found]
            built.without = dict.fromkeys(templates.without(found))
        databases = OwnDatabases(cluster)
        yield Workbench(settings, project, databases, built)
        if built.next_revision:
            for name in databases.names():
                if name != _NEXT:
                    databases.drop(name)
            databases.rename(_NEXT, TEMPLATE)
            stack.pop_all()
            templates.keep(chain[built.next_revision], cluster, built.without)
