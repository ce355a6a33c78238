"""Alembic's own commands, over the runner's connections.

Their flags, help and output are Alembic's. Their output goes to standard output, the runner's log
to standard error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from migration_runner.commands.at_heads import refuse_elsewhere
from migration_runner.commands.developer_tools import developer_tools
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import DatabaseUnavailable, UsageError
from migration_runner.history.request import Request
from migration_runner.log.detections import show_detections
from migration_runner.project.command_line import configure, run_alembic_command
from migration_runner.report.report import RunReport
from migration_runner.run.attempts import attempt_until_done
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide, acquire
from migration_runner.run.env_database import find_env_database
from migration_runner.run.runs import prepare_run
from migration_runner.settings.settings import AlembicOptions, Settings

# These need no project: `init` creates one.
_WITHOUT_PROJECT: Final = frozenset({"init", "list_templates"})
# This one creates the version table.
_CHANGING: Final = frozenset({"ensure_version"})
# After these, the history has another head.
_WRITING: Final = frozenset({"revision", "merge"})


def run_alembic(invocation: Invocation) -> None:
    """Run one of Alembic's commands. Raises `UsageError`, and whatever env.py causes."""
    options = invocation.options
    words = [options.command, *options.words]
    if options.command in _WITHOUT_PROJECT:
        settings = invocation.load_settings(needs_project=False)
        try:
            run_alembic_command(configure(settings.alembic, words))
        except OSError as error:
            message = f"{error.filename or options.command}: {error.strerror}."
            raise UsageError(message) from error
        return
    read = configure(AlembicOptions(), words).cmd_opts
    if read is not None and getattr(read, "graph", None):
        from migration_runner.commands.history_graph import draw_history  # noqa: PLC0415 - rarely needed

        draw_history(invocation, read)
        return
    settings = invocation.load_settings()
    writes_online = _writes_from_models(read) and not getattr(read, "sql", False)
    if read is not None and writes_online and _needs_server(settings):
        with developer_tools("revision --autogenerate"):
            from migration_runner.commands.revision import autogenerate  # noqa: PLC0415 - not in the image
        autogenerate(invocation, settings, words, read)
        return
    changes = options.command in _CHANGING and "--sql" not in words
    if _writes_from_models(read):
        with _naming_other_server():
            _run(settings, invocation.report, words, changes=changes, look=_look_and_show)
    else:
        _run(settings, invocation.report, words, changes=changes)
    if options.command in _WRITING:
        from migration_runner.commands.head_file import keep_head_file  # noqa: PLC0415 - rarely needed

        keep_head_file(settings)


def _needs_server(settings: Settings) -> bool:
    """Whether no database is named: by no setting, and not by env.py itself."""
    if settings.shadow:
        return True
    return settings.database is None and find_env_database(settings).place is None


@contextlib.contextmanager
def _naming_other_server() -> Iterator[None]:
    """Say of an unreachable database that a revision can be written without it."""
    try:
        yield
    except DatabaseUnavailable as error:
        error.message = f"{error.message} Without this database: add --shadow new."
        raise


def _writes_from_models(read: Any) -> bool:
    return bool(getattr(read, "autogenerate", False))


def run_offline(invocation: Invocation) -> None:
    """Print the SQL of an upgrade, a downgrade or a stamp, without a database: `--sql`."""
    options, settings = invocation.options, invocation.load_settings()
    targets = options.targets or tuple(settings.target.split())
    if options.command == "upgrade" and len(targets) > 1:
        message = "--sql takes one target at a time: Alembic writes one script."
        raise UsageError(message)
    options = invocation.options
    words = [options.command, *targets, "--sql"]
    words += ["--purge"] if options.purge else []
    words += ["--tag", options.tag] if options.tag is not None else []
    _run(settings, invocation.report, words, changes=False)


def _look(_state: DatabaseState) -> bool:
    return False


def _look_and_show(state: DatabaseState) -> bool:
    """Let the log have what Alembic detects, whatever its level is: by now, env.py has set it."""
    show_detections()
    return refuse_elsewhere(state)


def _run(
    settings: Settings,
    report: RunReport,
    words: Sequence[str],
    *,
    changes: bool,
    look: Decide = _look,
) -> None:
    # Some of them are for a history with several heads.
    run = prepare_run(settings, report, Request("upgrade", ("heads",)), read_only=not changes)
    attempt_until_done(
        run,
        _lock(run) if changes else look,
        lambda this, offer: run.project.run_command(words, offer, this),
        alembics_own=True,
    )


def _lock(run: RunContext) -> Decide:
    def decide(state: DatabaseState) -> bool:
        acquire(run, state, lambda _: False)
        return True

    return decide
