"""The one place that knows Alembic's insides.

What is private here: `ScriptDirectory._load_revisions` (to know the files of duplicate ids),
`ScriptDirectory._upgrade_revs`, `_downgrade_revs` and `_stamp_revs` (underscored, and the same
since 2012), and that `alembic.context` looks `configure` up on the instance of
`EnvironmentContext`.
"""

from __future__ import annotations

import configparser
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy
from alembic.autogenerate import RevisionContext
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError, RevisionMap
from alembic.util import CommandError

from migration_runner import logs
from migration_runner.errors import ConfigError, HistoryError
from migration_runner.history import History, Revision, check_consistency
from migration_runner.ledger import SCHEMA
from migration_runner.moves import Direction, Move, PlannedStep, StepMade


class EnvListener(Protocol):
    """Who is told what happens while env.py runs."""

    def configured(self, context: ConfiguredContext) -> None:
        """Take the connection that env.py has configured, before Alembic reads the heads."""

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Hand the planned steps to Alembic one by one; control comes back behind each."""

    def made(self, step: StepMade) -> None:
        """Note that the version table was changed for a step; its transaction is still open."""


class ConfiguredContext:
    """What env.py has configured: a connection, and the version table on it."""

    def __init__(self, context: MigrationContext) -> None:
        self._context = context
        self.version_table = context.version_table
        self.version_table_schema = context.version_table_schema

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


class AlembicProject:
    """An `alembic.ini` with its revisions, loaded and consistent."""

    def __init__(self, config_file: Path) -> None:
        self.config = Config(str(config_file))
        try:
            self._scripts = ScriptDirectory.from_config(self.config)
        except (CommandError, configparser.Error, UnicodeDecodeError) as error:
            message = f"{config_file} is no usable Alembic configuration: {_sentence(error)}"
            raise ConfigError(message) from error
        self.history = self._load()

    def _load(self) -> History:
        scripts = list(_load_files(self._scripts))
        check_consistency([_describe(script) for script in scripts])
        # So that the files are executed once.
        self._scripts.revision_map = RevisionMap(lambda: scripts)
        try:
            heads = tuple(self._scripts.get_heads())
        except (CommandError, RevisionError) as error:
            message = f"The history is broken: {_sentence(error)}"
            raise HistoryError(message, reason="broken_history") from error
        history = History({script.revision: _resolve(script) for script in scripts}, heads)
        history.check_breaks()
        return history

    @property
    def folders(self) -> list[Path]:
        """The folders of env.py and of the revision files."""
        return [Path(self._scripts.dir), *_version_folders(self._scripts)]

    def check_target(self, target: str) -> None:
        """Raise `HistoryError` when `target` cannot be found in the history.

        Relative targets (`+1`) depend on the database and are not looked at.
        """
        if target == "head":
            self.history.require_one_head()
        if "+" in target or "-" in target:
            return
        try:
            found = self._scripts.get_revisions(target)
        except CommandError as error:
            message = f"The target {target!r} is not to be had: {_sentence(error)}"
            raise HistoryError(message, reason="unknown_target", target=target) from error
        if not found and self.history.revisions and target not in ("base", "None"):
            message = f"The target {target!r} names no revision of this image."
            raise HistoryError(message, reason="unknown_target", target=target)

    def plan(self, move: Move, heads: Sequence[str]) -> list[PlannedStep]:
        """Return the steps of a move for a database at `heads`.

        Raises `HistoryError` when there is no way.
        """
        if not self.history.revisions:
            return []
        scripts = self._scripts
        at = tuple(heads)
        steps: Iterable[MigrationStep]
        try:
            # The annotations say `str`; Alembic itself passes the tuple of heads.
            if move.direction == "upgrade":
                steps = scripts._upgrade_revs(move.target, at)  # type: ignore[arg-type]  # noqa: SLF001 - see the module's docstring
            elif move.direction == "downgrade":
                steps = scripts._downgrade_revs(move.target, at)  # type: ignore[arg-type]  # noqa: SLF001 - as above
            else:
                steps = scripts._stamp_revs(move.targets, at)  # noqa: SLF001 - as above
            return [_planned(step) for step in steps]
        except (CommandError, RevisionError) as error:
            message = (
                f"There is no way from {', '.join(heads) or 'base'} to {move.target}:"
                f" {_sentence(error)}"
            )
            raise HistoryError(message, reason="no_path", target=move.target) from error

    def run_env(
        self, move: Move, connection: sqlalchemy.Connection | None, listener: EnvListener
    ) -> None:
        """Load env.py and let it make a move.

        env.py finds `connection` in `config.attributes["connection"]`; `listener` is told of
        whichever connection it uses.
        """

        def steps(heads: Sequence[str], _context: MigrationContext) -> Iterable[MigrationStep]:
            for planned in listener.apply(lambda: self.plan(move, heads)):
                yield planned.step  # type: ignore[misc]  # what `_planned` was given

        destination = move.targets if move.direction == "stamp" else move.target
        options: dict[str, Any] = {"destination_rev": destination, "starting_rev": None}
        if move.purge:
            options["purge"] = True
        self._load_env(steps, connection, listener, **options)

    def compare_models(
        self, connection: sqlalchemy.Connection | None, listener: EnvListener
    ) -> list[Any]:
        """Return how the models differ from the database, as `alembic check` finds it.

        Raises `HistoryError` when the database is not at the head.
        """
        nothing = ("message", "branch_label", "version_path", "rev_id", "depends_on")
        arguments: dict[str, Any] = dict.fromkeys(nothing)
        arguments |= {"autogenerate": True, "sql": False, "head": "head", "splice": False}
        revision = RevisionContext(self.config, self._scripts, arguments)

        def compare(heads: Any, context: MigrationContext) -> Iterable[MigrationStep]:
            revision.run_autogenerate(heads, context)
            return ()

        self._load_env(
            compare,
            connection,
            listener,
            template_args=revision.template_args,
            revision_context=revision,
        )
        script = revision.generated_revisions[-1]
        return [diff for ops in script.upgrade_ops_list for diff in ops.as_diffs()]

    def _load_env(
        self,
        work: Callable[[Any, MigrationContext], Iterable[MigrationStep]],
        connection: sqlalchemy.Connection | None,
        listener: EnvListener,
        **options: Any,
    ) -> None:
        if connection is not None:
            self.config.attributes["connection"] = connection
        options = {"as_sql": False, "tag": None, **options}
        environment = EnvironmentContext(self.config, self._scripts, fn=work, **options)
        configure = environment.configure

        def step_made(step: MigrationInfo, **_: Any) -> None:
            listener.made(_made(step))

        def configure_and_tell(*args: Any, **kwargs: Any) -> None:
            # Most env.py have configured logging of their own by now.
            logs.capture_log_records()
            theirs = kwargs.get("on_version_apply") or ()
            callbacks = (theirs,) if callable(theirs) else tuple(theirs)
            kwargs["on_version_apply"] = (*callbacks, step_made)
            kwargs["include_name"] = _hide_ledger(kwargs.get("include_name"))
            configure(*args, **kwargs)
            listener.configured(ConfiguredContext(environment.get_context()))

        # On the instance: alembic.context's module proxy is keyed by the class.
        environment.configure = configure_and_tell  # type: ignore[method-assign]
        with environment:
            self._scripts.run_env()


def _hide_ledger(theirs: Callable[[Any, Any, Any], bool] | None) -> Callable[[Any, Any, Any], bool]:
    """Keep an env.py with `include_schemas` from taking the ledger for a table to drop."""

    def include_name(name: Any, kind: Any, parents: Any) -> bool:
        if kind == "schema" and name == SCHEMA:
            return False
        return theirs is None or theirs(name, kind, parents)

    return include_name


def _planned(step: MigrationStep) -> PlannedStep:
    info: MigrationInfo = step.info  # type: ignore[attr-defined]  # both kinds of step have one
    names = info.destination_revision_ids if info.is_stamp else info.up_revision_ids
    return PlannedStep(", ".join(names) or "base", step)


def _made(info: MigrationInfo) -> StepMade:
    if info.is_stamp:
        return StepMade("stamp", info.destination_revision_ids or (None,))
    direction: Direction = "upgrade" if info.is_upgrade else "downgrade"
    return StepMade(direction, (info.up_revision_id,))


def _load_files(scripts: ScriptDirectory) -> Iterable[Script]:
    """Execute the revision files. Raises `HistoryError` that names the first that does not."""
    try:
        with warnings.catch_warnings():
            # "loaded twice! ignoring": two version_locations that are one folder.
            warnings.simplefilter("ignore", UserWarning)
            yield from scripts._load_revisions()  # noqa: SLF001 - see the module's docstring
    except (CommandError, RevisionError) as error:
        message = f"The history is broken: {_sentence(error)}"
        raise HistoryError(message, reason="broken_history") from error
    except Exception as error:
        file, line = _where(error, scripts)
        message = (
            f"A revision file does not load: {file}, line {line}:"
            f" {type(error).__name__}: {_sentence(error)}"
            " Mend the file, or install what it imports."
        )
        raise HistoryError(message, reason="import_error", file=file, line=line) from error


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."


def _where(error: BaseException, scripts: ScriptDirectory) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    folders = tuple(str(folder.resolve()) for folder in _version_folders(scripts))
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if str(Path(frame.filename).resolve()).startswith(folders):
            return frame.filename, frame.lineno
    return frames[-1].filename, frames[-1].lineno


def _version_folders(scripts: ScriptDirectory) -> list[Path]:
    return [Path(folder) for folder in scripts.version_locations or [f"{scripts.dir}/versions"]]


def _describe(script: Script) -> Revision:
    """Describe a script as its file says it, before Alembic has resolved labels and names."""
    parents = _as_tuple(script.down_revision) + _as_tuple(script.dependencies)
    labels = frozenset(script.branch_labels or ())
    return Revision(script.revision, parents, labels, script.path, script.doc)


def _resolve(script: Script) -> Revision:
    """Describe a script with its parents as revision ids."""
    parents = tuple(script._all_down_revisions)  # noqa: SLF001 - labels in depends_on, resolved
    labels = frozenset(script.branch_labels or ())
    line = getattr(script.module, "breaks_before", None)
    return Revision(script.revision, parents, labels, script.path, script.doc, line)


def _as_tuple(value: str | Iterable[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
