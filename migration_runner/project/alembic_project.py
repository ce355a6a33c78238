"""Running somebody's env.py, unmodified, and being told what happens in it.

`alembic.context` looks `configure` up on the instance of `EnvironmentContext`, and Alembic's
commands make that instance by a name in `alembic.command`: those are the two places to listen at.
By another name there they load the revisions.
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
from migration_runner.errors import HistoryError
from migration_runner.history.manifest_history import ManifestHistory
from migration_runner.history.request import CompletedStep, Direction, PlannedStep, Request
from migration_runner.ledger.table import SCHEMA
from migration_runner.log import logs
from migration_runner.project.attributes import Offer, attributes_with
from migration_runner.project.command_line import configure, run_alembic_command
from migration_runner.project.context import ConfiguredContext
from migration_runner.project.flask import enter_flask_application
from migration_runner.project.heads import hand_steps_over, steps_handed_over, was_written
from migration_runner.project.loading import sentence
from migration_runner.project.revisions import RevisionFiles
from migration_runner.settings.settings import AlembicOptions

_READING = frozenset({"current", "heads", "history", "branches", "show"})


class EnvListener(Protocol):
    """Who is told what happens while env.py runs."""

    def configured(self, context: ConfiguredContext) -> None:
        """Take the connection that env.py has configured, before Alembic reads the heads."""

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Hand the planned steps to Alembic one by one; control comes back behind each."""

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Change the version table for a step, and note that; False where Alembic shall do it.

        `last`: nothing else comes before the step's transaction ends.
        """

    def made(self, step: CompletedStep) -> None:
        """Note that Alembic has changed the version table for a step, in its transaction."""


class AlembicProject:
    """Somebody's Alembic configuration: its revisions, and its env.py.

    `transaction_per_revision` makes one for each revision, whatever env.py says.
    """

    def __init__(
        self,
        options: AlembicOptions,
        words: Sequence[str] = ("heads",),
        *,
        transaction_per_revision: bool = False,
        manifest: ManifestHistory | None = None,
    ) -> None:
        """Load the revisions, for what is most likely done with them: Alembic's `words` for it.

        Where there are a build's `manifest`, the files are not executed.
        Raises `ConfigError` or `HistoryError`.
        """
        self._options = options
        self._words = list(words)
        self._transaction_per_revision = transaction_per_revision
        self.config = configure(options, words)
        enter_flask_application(self.config)
        self._files = RevisionFiles(self.config, manifest)
        self.directory = self._files.directory
        self.history = self._files.history
        self.folders = self._files.folders
        self.check_target = self._files.check_target
        self.plan = self._files.plan
        self.pending = self._files.pending
        self.manifest_revisions = self._files.manifest_revisions

    def run_env(self, request: Request, offer: Offer, listener: EnvListener) -> None:
        """Load env.py and let it make a request.

        env.py finds what is offered in `config.attributes["connection"]`; `listener` is told of
        whichever connection it uses.
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
        """Return how the models differ from the database, as `alembic check` finds it.

        Raises `PendingRevisions` when the database is not at the head.
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
            raise HistoryError(sentence(error), reason="alembic") from error
        script = revision.generated_revisions[-1]
        return [diff for ops in script.upgrade_ops_list for diff in ops.as_diffs()]

    def run_command(self, words: Sequence[str], offer: Offer, listener: EnvListener) -> None:
        """Run one of Alembic's own commands, `listener` being told of its env.py.

        Raises what `run_alembic_command` raises.
        """
        config = configure(self._options, words)
        enter_flask_application(config)
        config.attributes = attributes_with(offer)
        with self._listened_to(listener), self._revisions_at_hand(words[0]):
            run_alembic_command(config)

    @contextlib.contextmanager
    def _revisions_at_hand(self, verb: str) -> Iterator[None]:
        """Let a command that only reads have the revisions that are loaded, or noted, already."""
        if verb not in _READING:
            yield
            return
        command.ScriptDirectory = self._files  # type: ignore[attr-defined, assignment]  # see the module's docstring
        try:
            yield
        finally:
            command.ScriptDirectory = ScriptDirectory  # type: ignore[attr-defined]  # as above

    @contextlib.contextmanager
    def _listened_to(self, listener: EnvListener) -> Iterator[None]:
        """Let Alembic's commands make contexts that tell `listener`."""

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
        with environment, steps_handed_over():
            self._files.directory.run_env()

    def _listen(self, environment: EnvironmentContext, listener: EnvListener) -> None:
        """Listen to what env.py configures, on the instance: the module proxy is keyed by class."""
        configure_context = environment.configure

        def step_made(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
            if not was_written(ctx):
                listener.made(_made(step))

        def configure_and_tell(*args: Any, **kwargs: Any) -> None:
            # Most env.py have configured logging of their own by now.
            logs.capture_log_records()
            theirs = kwargs.get("on_version_apply") or ()
            callbacks = (theirs,) if callable(theirs) else tuple(theirs)
            kwargs["on_version_apply"] = (*callbacks, step_made)
            kwargs["include_name"] = _hide_ledger(kwargs.get("include_name"))
            if self._transaction_per_revision:
                kwargs["transaction_per_migration"] = True
            configure_context(*args, **kwargs)
            context = environment.get_context()
            hand_steps_over(
                context,
                lambda step, change: listener.write(_made(step), change, last=not callbacks),
            )
            listener.configured(ConfiguredContext(context))

        environment.configure = configure_and_tell  # type: ignore[method-assign]


def _hide_ledger(theirs: Callable[[Any, Any, Any], bool] | None) -> Callable[[Any, Any, Any], bool]:
    """Keep an env.py with `include_schemas` from taking the ledger for a table to drop."""

    def include_name(name: Any, kind: Any, parents: Any) -> bool:
        if kind == "schema" and name == SCHEMA:
            return False
        return theirs is None or theirs(name, kind, parents)

    return include_name


def _made(info: MigrationInfo) -> CompletedStep:
    if info.is_stamp:
        return CompletedStep("stamp", info.destination_revision_ids or (None,))
    direction: Direction = "upgrade" if info.is_upgrade else "downgrade"
    return CompletedStep(direction, (info.up_revision_id,))
