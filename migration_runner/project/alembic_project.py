"""Runs a project's unmodified env.py, and observes what it does.

`alembic.context` looks `configure` up on the instance of `EnvironmentContext`, and Alembic's
commands create that instance by a name in `alembic.command`: the runner replaces these two.
Commands load the revisions by another name in that module.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from alembic import command
from alembic.autogenerate import RevisionContext
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from migration_runner.database.version_tables import VersionChange
from migration_runner.history.manifest_history import ManifestHistory
from migration_runner.history.request import CompletedStep, Direction, PlannedStep, Request
from migration_runner.ledger.rows import SCHEMA
from migration_runner.log import capture
from migration_runner.project.attributes import (
    Offer,
    attributes_with,
    says_nothing_to_migrate,
)
from migration_runner.project.command_errors import translate_command_error
from migration_runner.project.command_line import configure, run_alembic_command
from migration_runner.project.context import ConfiguredContext
from migration_runner.project.declaration import read_declaration
from migration_runner.project.flask import enter_flask_application
from migration_runner.project.heads import delegate_steps, delegated_steps, was_delegated
from migration_runner.project.loading import url_in_configuration
from migration_runner.project.revision_files import RevisionFiles
from migration_runner.project.unloadable import note_unloadable_files
from migration_runner.settings.settings import AlembicOptions

# Makes a hook for `process_revision_directives` of env.py's.
Directives = Callable[[Callable[..., None] | None], Callable[..., None]]
_READ_ONLY = frozenset({"current", "heads", "history", "branches", "show"})


class EnvListener(Protocol):
    """Is notified of what happens while env.py runs."""

    def configured(self, context: ConfiguredContext) -> None:
        """Take the connection that env.py has configured, before Alembic reads the heads."""

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Yield the planned steps to Alembic one by one; control returns after each."""

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Update the version table for a step, and record it; False to leave that to Alembic.

        `last`: nothing else happens before the step's transaction ends.
        """

    def completed(self, step: CompletedStep) -> None:
        """Alembic has updated the version table for a step, in its transaction."""


class AlembicProject:
    """A project's Alembic configuration, its revisions, and its env.py.

    `transaction_per_revision` overrides env.py's `transaction_per_migration`.
    """

    def __init__(
        self,
        options: AlembicOptions,
        words: Sequence[str] = ("heads",),
        *,
        transaction_per_revision: bool = False,
        manifest: ManifestHistory | None = None,
    ) -> None:
        """Load the revisions. `words` is the Alembic command that is most likely to follow.

        With a build's `manifest`, the revision files are not executed.
        Raises `ConfigError` or `HistoryError`.
        """
        note_unloadable_files()
        self._options = options
        self._words = list(words)
        self._transaction_per_revision = transaction_per_revision
        self._directives: Directives | None = None
        self.config = configure(options, words)
        enter_flask_application(self.config)
        self._files = RevisionFiles(self.config, manifest)
        self.declared = read_declaration(self.config)
        self.directory = self._files.directory
        self.history = self._files.history
        self.folders = self._files.folders
        self.env_file = self._files.env_file
        self.in_package = self._files.in_package
        self.check_target = self._files.check_target
        self.plan = self._files.plan
        self.pending = self._files.pending
        self.manifest_revisions = self._files.manifest_revisions

    @property
    def url_in_configuration(self) -> str:
        """`sqlalchemy.url` as it is written in the configuration; empty if it is not there."""
        return url_in_configuration(self.config)

    @property
    def has_nothing_to_migrate(self) -> bool:
        """Whether env.py has said that it found nothing to run on."""
        return says_nothing_to_migrate(self.config.attributes)

    def run_env(self, request: Request, offer: Offer, listener: EnvListener) -> None:
        """Run env.py to carry out a request.

        env.py finds the offered connection in `config.attributes["connection"]`; `listener` gets
        the connection that it uses.
        """

        def steps(heads: Sequence[str], _context: MigrationContext) -> Iterable[MigrationStep]:
            for planned in listener.apply(lambda: self.plan(request, heads)):
                yield planned.step  # type: ignore[misc]  # what `_planned` was given

        destination = request.targets if request.direction == "stamp" else request.target
        options: dict[str, Any] = {"destination_rev": destination, "starting_rev": None}
        if request.purge:
            options["purge"] = True
        self._load_env(request.words, steps, offer, listener, tag=request.tag, **options)

    def compare_models(self, offer: Offer, listener: EnvListener) -> list[Any]:
        """Return the differences between models and database, as `alembic check` does.

        Raises `PendingRevisions` if the database is not at head.
        """
        nothing = ("message", "branch_label", "version_path", "rev_id", "depends_on")
        arguments: dict[str, Any] = dict.fromkeys(nothing)
        arguments |= {"autogenerate": True, "sql": False, "head": "head", "splice": False}
        revision = RevisionContext(self.config, self._files.directory, arguments)

        def compare(heads: Any, context: MigrationContext) -> Iterable[MigrationStep]:
            revision.run_autogenerate(heads, context)
            return ()

        try:
            self._load_env(
                ["check"],
                compare,
                offer,
                listener,
                template_args=revision.template_args,
                revision_context=revision,
            )
        except CommandError as error:
            raise translate_command_error(error) from error
        # env.py's own hook may have left out an empty one.
        scripts = revision.generated_revisions[-1:]
        return [
            diff for each in scripts for ops in each.upgrade_ops_list for diff in ops.as_diffs()
        ]

    def run_command(
        self,
        words: Sequence[str],
        offer: Offer,
        listener: EnvListener,
        directives: Directives | None = None,
    ) -> None:
        """Run one of Alembic's own commands, with `listener` observing its env.py.

        `directives` gets env.py's hook for revisions that are written, and returns another.
        Raises what `run_alembic_command` raises.
        """
        self._directives = directives
        config = configure(self._options, words)
        enter_flask_application(config)
        config.attributes = attributes_with(offer)
        with self._observed_by(listener), self._loaded_revisions(words[0]):
            run_alembic_command(config)

    @contextlib.contextmanager
    def _loaded_revisions(self, verb: str) -> Iterator[None]:
        """Let a read-only command use the revisions that are already loaded."""
        if verb not in _READ_ONLY:
            yield
            return
        command.ScriptDirectory = self._files  # type: ignore[attr-defined, assignment]  # see the module's docstring
        try:
            yield
        finally:
            command.ScriptDirectory = ScriptDirectory  # type: ignore[attr-defined]  # as above

    @contextlib.contextmanager
    def _observed_by(self, listener: EnvListener) -> Iterator[None]:
        """Make Alembic's commands create contexts that notify `listener`."""

        def make(*args: Any, **kwargs: Any) -> EnvironmentContext:
            environment = EnvironmentContext(*args, **kwargs)
            self._listen(environment, listener)
            return environment

        command.EnvironmentContext = make  # type: ignore[attr-defined, assignment]  # see the module's docstring
        try:
            yield
        finally:
            command.EnvironmentContext = EnvironmentContext  # type: ignore[attr-defined]  # as above

    def _load_env(
        self,
        words: Sequence[str],
        work: Callable[[Any, MigrationContext], Iterable[MigrationStep]],
        offer: Offer,
        listener: EnvListener,
        **options: Any,
    ) -> None:
        if list(words) != self._words:
            self.config.cmd_opts = configure(self._options, words).cmd_opts
            self._words = list(words)
        self.config.attributes = attributes_with(offer)
        environment = EnvironmentContext(
            self.config, self._files.directory, fn=work, **{"as_sql": False, "tag": None, **options}
        )
        self._listen(environment, listener)
        with environment, delegated_steps():
            self._files.directory.run_env()

    def _listen(self, environment: EnvironmentContext, listener: EnvListener) -> None:
        """Observe `configure` on the instance: the module proxy is keyed by class."""
        configure_context = environment.configure

        def step_completed(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
            if not was_delegated(ctx):
                listener.completed(_completed_step(step))

        def configure_and_notify(*args: Any, **kwargs: Any) -> None:
            # By now, most env.py have configured logging.
            capture.capture_log_records()
            theirs = kwargs.get("on_version_apply") or ()
            callbacks = (theirs,) if callable(theirs) else tuple(theirs)
            kwargs["on_version_apply"] = (*callbacks, step_completed)
            kwargs["include_name"] = _hide_ledger(kwargs.get("include_name"))
            if self._directives is not None:
                hook = kwargs.get("process_revision_directives")
                kwargs["process_revision_directives"] = self._directives(hook)
            if self._transaction_per_revision:
                kwargs["transaction_per_migration"] = True
            configure_context(*args, **kwargs)
            context = environment.get_context()
            delegate_steps(
                context,
                lambda step, change: listener.write(
                    _completed_step(step), change, last=not callbacks
                ),
            )
            listener.configured(ConfiguredContext(context))

        environment.configure = configure_and_notify  # type: ignore[method-assign]


def _hide_ledger(theirs: Callable[[Any, Any, Any], bool] | None) -> Callable[[Any, Any, Any], bool]:
    """Hide the ledger from autogenerate: with `include_schemas`, it would drop the table."""

    def include_name(name: Any, kind: Any, parents: Any) -> bool:
        if kind == "schema" and name == SCHEMA:
            return False
        return theirs is None or theirs(name, kind, parents)

    return include_name


def _completed_step(info: MigrationInfo) -> CompletedStep:
    if info.is_stamp:
        return CompletedStep("stamp", info.destination_revision_ids or (None,))
    direction: Direction = "upgrade" if info.is_upgrade else "downgrade"
    return CompletedStep(direction, (info.up_revision_id,))
