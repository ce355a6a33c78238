"""What a developer's command does in processes of their own: once through env.py each.

The functions get picklable arguments and return picklable results. Whatever database env.py names,
its engines are led to the one that is given.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError

from migration_runner.clock import SystemClock
from migration_runner.errors import MigrationError
from migration_runner.history.manifest_history import ManifestHistory
from migration_runner.history.request import Request
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.directives import Additions, adding
from migration_runner.project.model_drift import describe_difference
from migration_runner.report.report import RunReport
from migration_runner.run.attempts import attempt_until_done
from migration_runner.run.context import RunContext
from migration_runner.run.decisions import decide_downgrade, decide_upgrade
from migration_runner.run.runs import carry_out, prepare_run
from migration_runner.settings.database_url import DatabaseAddress
from migration_runner.settings.settings import Settings
from migration_runner.workshop.databases import url_of
from migration_runner.workshop.dumps.models_schema import create_models as make_models
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.env_contexts import run_env
from migration_runner.workshop.failures import note_needs
from migration_runner.workshop.hazards.capture import Capture
from migration_runner.workshop.hazards.statement import Statement
from migration_runner.workshop.model_files import find_unimported
from migration_runner.workshop.redirection import redirected
from migration_runner.workshop.swallowed import extensions_refused

Parameters = Mapping[str, str]
_RUN_ID: Final = "workshop"


def workshop_settings(settings: Settings) -> Settings:
    """Return the settings of a run on a database that nobody else uses."""
    return dataclasses.replace(
        settings,
        wait_timeout=0.0,
        run_lock="off",
        ledger="off",
        checksum="off",
        on_ahead="ok",
        on_other_database="warn",
        heartbeat=3600.0,
        ddl_retry_timeout=0.0,
        statement_timeout=0.0,
        role="",
        log_level="warning",
        log_format="json",
    )


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade has executed, and what it ended with.

    `refused` are extensions that could not be created.
    """

    statements: Sequence[Statement] = ()
    error: MigrationError | None = None
    refused: Sequence[str] = ()


def upgrade(
    settings: Settings,
    parameters: Parameters,
    targets: Sequence[str],
    *,
    observe: bool = False,
    recorded: ManifestHistory | None = None,
) -> Upgraded:
    """Upgrade to the targets. Only if that is to be observed, its error is returned, not raised."""
    with _on(settings, parameters) as here, extensions_refused() as refused:
        run = _prepare(here, Request("upgrade", tuple(targets)), recorded)
        if not observe:
            carry_out(run, decide_upgrade)
            return Upgraded(refused=refused)
        files = {each.id: each.path for each in run.project.history.revisions.values()}
        capture = Capture(files, observe=url_of(parameters))
        failure: MigrationError | None = None
        try:
            with capture.installed():
                carry_out(run, decide_upgrade)
        except MigrationError as error:
            note_needs(error)
            failure = error
        return Upgraded(tuple(capture.statements), failure, refused)


def _prepare(settings: Settings, request: Request, recorded: ManifestHistory | None) -> RunContext:
    """Return a run of a request, with the history as it is `recorded`, if it is."""
    project = AlembicProject(
        settings.alembic,
        request.words,
        transaction_per_revision=settings.transactions == "revision",
        manifest=recorded,
    )
    return RunContext(project, settings, RunReport(run_id=_RUN_ID), SystemClock(), request)


def downgrade(
    settings: Settings,
    parameters: Parameters,
    target: str,
    recorded: ManifestHistory | None = None,
) -> None:
    """Downgrade to the target. Raises what a run raises."""
    with _on(settings, parameters) as here:
        run = _prepare(here, Request("downgrade", (target,)), recorded)
        carry_out(run, lambda run: decide_downgrade(run, lambda _place, _planned: None))


def compare(settings: Settings, parameters: Parameters) -> list[str]:
    """Return the differences that Alembic sees between models and database, in words."""
    found: list[object] = []
    with _on(settings, parameters) as here:
        request = Request("upgrade", ("heads",))
        run = prepare_run(here, RunReport(run_id=_RUN_ID), request, read_only=True)
        attempt_until_done(
            run,
            lambda _state: False,
            lambda this, offer: found.extend(run.project.compare_models(offer, this)),
        )
    return [describe_difference(each) for each in found]


def write_revision(
    settings: Settings, parameters: Parameters, words: Sequence[str], additions: Additions
) -> None:
    """Have Alembic write a revision: `words` are its command line. Raises what a run raises."""
    with _on(settings, parameters) as here:
        request = Request("upgrade", ("heads",))
        run = prepare_run(here, RunReport(run_id=_RUN_ID), request, read_only=True)
        attempt_until_done(
            run,
            lambda _state: False,
            lambda this, offer: run.project.run_command(
                words, offer, this, lambda theirs: adding(theirs, additions)
            ),
            alembics_own=True,
        )


@dataclass(frozen=True)
class Models:
    """What a project's models are, besides the schema that was made of them.

    `hidden` are tables that env.py hides from autogenerate, `unimported` files beside those of the
    models that define some, too, but were not imported.
    """

    hidden: frozenset[tuple[str, str]]
    version_tables: frozenset[str]
    found: bool
    unimported: tuple[str, ...] = ()


def create_models(settings: Settings, parameters: Parameters, migrated: str) -> Models:
    """Make the models' schema in an empty database; `migrated` is the migrated schema's dump.

    Raises `ConfigError` if env.py passes no models, or whatever it causes.
    """
    with _on(settings, parameters) as here, _offered() as (engine, offer):
        seen = run_env(here, offer)
        by_schema = seen.metadata_by_schema()
        found = any(by_schema.values())
        if found:
            make_models(engine, by_schema, parse(migrated))
    return Models(
        hidden=seen.hidden_tables(),
        version_tables=frozenset(each.version_table for each in seen.contexts),
        found=found,
        unimported=tuple(find_unimported()),
    )


def visit_env(settings: Settings, parameters: Parameters) -> None:
    """Go through env.py, which applies no revision, but may prepare the database for them.

    Raises whatever it causes.
    """
    with _on(settings, parameters) as here, _offered() as (_, offer):
        run_env(here, offer)


@contextlib.contextmanager
def _offered() -> Iterator[tuple[sqlalchemy.Engine, Callable[[], sqlalchemy.Connection]]]:
    """Yield an engine, and what opens connections of it that end with the block."""
    with contextlib.ExitStack() as stack:
        engine = _make_engine()
        stack.callback(engine.dispose)
        yield engine, lambda: stack.enter_context(engine.connect())


def _make_engine() -> sqlalchemy.engine.Engine:
    """Return an engine; SQLAlchemy 1.4 knows only the driver before psycopg."""
    try:
        return sqlalchemy.create_engine("postgresql+psycopg://")
    except NoSuchModuleError:
        return sqlalchemy.create_engine("postgresql+psycopg2://")


@contextlib.contextmanager
def _on(settings: Settings, parameters: Parameters) -> Iterator[Settings]:
    """Lead all engines to a database, and name it in the settings."""
    address = DatabaseAddress(dict(parameters), origin="the throw-away server")
    with redirected(parameters):
        yield dataclasses.replace(settings, database=address)
