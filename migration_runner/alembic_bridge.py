"""Running somebody's env.py, unmodified, and being told what happens in it.

`alembic.context` looks `configure` up on the instance of `EnvironmentContext`, and Alembic's
commands make that instance by a name in `alembic.command`: those are the two places to listen at.
By another name there they load the revisions.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import sqlalchemy
from alembic import command
from alembic.autogenerate import RevisionContext
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from migration_runner import logs
from migration_runner.alembic_command_line import configure, run_command
from migration_runner.alembic_heads import (
    expect_step,
    hand_steps_over,
    steps_handed_over,
    was_written,
)
from migration_runner.alembic_loading import sentence
from migration_runner.alembic_revisions import RevisionFiles
from migration_runner.errors import HistoryError, PendingRevisions
from migration_runner.flask_project import enter_flask_application
from migration_runner.history_notes import Notes
from migration_runner.ledger import SCHEMA
from migration_runner.moves import Direction, Move, PlannedStep, StepMade
from migration_runner.settings import AlembicOptions
from migration_runner.version_tables import VersionChange

# Opens the runner's own connection, for an env.py that asks for it; None: there is none.
# A string: SQLAlchemy 1.4 has no such name.
Offer: TypeAlias = "Callable[[], sqlalchemy.Connection] | None"
_OFFERED = "connection"
_READING = frozenset({"current", "heads", "history", "branches", "show"})


class EnvListener(Protocol):
    """Who is told what happens while env.py runs."""

    def configured(self, context: ConfiguredContext) -> None:
        """Take the connection that env.py has configured, before Alembic reads the heads."""

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Hand the planned steps to Alembic one by one; control comes back behind each."""

    def write(self, step: StepMade, change: VersionChange, *, last: bool) -> bool:
        """Change the version table for a step, and note that; False where Alembic shall do it.

        `last`: nothing else comes before the step's transaction ends.
        """

    def made(self, step: StepMade) -> None:
        """Note that Alembic has changed the version table for a step, in its transaction."""


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
        notes: Notes | None = None,
    ) -> None:
        """Load the revisions, for what is most likely done with them: Alembic's `words` for it.

        Where there are `notes` of a build, the files are not executed.
        Raises `ConfigError` or `HistoryError`.
        """
        self._options = options
        self._words = list(words)
        self._transaction_per_revision = transaction_per_revision
        self.config = configure(options, words)
        enter_flask_application(self.config)
        self._files = RevisionFiles(self.config, notes)
        self.directory = self._files.directory
        self.history = self._files.history
        self.folders = self._files.folders
        self.check_target = self._files.check_target
        self.plan = self._files.plan
        self.pending = self._files.pending
        self.note = self._files.note

    def run_env(self, move: Move, offer: Offer, listener: EnvListener) -> None:
        """Load env.py and let it make a move.

        env.py finds what is offered in `config.attributes["connection"]`; `listener` is told of
        whichever connection it uses.
        """

        def steps(heads: Sequence[str], context: MigrationContext) -> Iterable[MigrationStep]:
            for planned in listener.apply(lambda: self.plan(move, heads)):
                expect_step(context, planned.step)
                yield planned.step  # type: ignore[misc]  # what `_planned` was given

        destination = move.targets if move.direction == "stamp" else move.target
        options: dict[str, Any] = {"destination_rev": destination, "starting_rev": None}
        if move.purge:
            options["purge"] = True
        self._load_env(move.words, steps, offer, listener, tag=move.tag, **options)

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
        config.attributes = _Attributes(offer)
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
        self.config.attributes = _Attributes(offer)
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


class _Attributes(dict[Any, Any]):
    """`config.attributes`, whose connection is opened when an env.py asks for it.

    One with an engine of its own never asks, and the runner has no second connection then.
    """

    def __init__(self, offer: Offer) -> None:
        super().__init__()
        self._offer = offer

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name == _OFFERED and self._offer is not None)

    def __getitem__(self, name: Any) -> Any:
        self._open(name)
        return super().__getitem__(name)

    def get(self, name: Any, default: Any = None) -> Any:
        self._open(name)
        return super().get(name, default)

    def pop(self, name: Any, *default: Any) -> Any:
        self._open(name)
        return super().pop(name, *default)

    def _open(self, name: Any) -> None:
        if name == _OFFERED and self._offer is not None and not super().__contains__(name):
            self[name] = self._offer()


def run_alembic_command(config: Config) -> None:
    """Run the command that `config` was made for.

    Raises `HistoryError` for what Alembic refuses, `PendingRevisions` where that is because the
    database is behind.
    """
    try:
        run_command(config)
    except BrokenPipeError:
        # `migrate history | head`: whoever reads has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandError as error:
        if config.cmd_opts and config.cmd_opts.raiseerr:
            traceback.print_exc(file=sys.stderr)
        if type(error).__name__ == "DatabaseNotAtHead" or "not up to date" in str(error):
            message = f"{sentence(error)} Run `migrate`."
            raise PendingRevisions(message) from error
        raise HistoryError(sentence(error), reason="alembic") from error


def _hide_ledger(theirs: Callable[[Any, Any, Any], bool] | None) -> Callable[[Any, Any, Any], bool]:
    """Keep an env.py with `include_schemas` from taking the ledger for a table to drop."""

    def include_name(name: Any, kind: Any, parents: Any) -> bool:
        if kind == "schema" and name == SCHEMA:
            return False
        return theirs is None or theirs(name, kind, parents)

    return include_name


def _made(info: MigrationInfo) -> StepMade:
    if info.is_stamp:
        return StepMade("stamp", info.destination_revision_ids or (None,))
    direction: Direction = "upgrade" if info.is_upgrade else "downgrade"
    return StepMade(direction, (info.up_revision_id,))
