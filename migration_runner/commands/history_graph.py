"""`migrate history --graph`: a drawing of the history that marks the database's revisions."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final

from migration_runner.commands.invocation import Invocation
from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    DatabaseUnavailable,
    UsageError,
)
from migration_runner.history.drawing_mermaid import render_mermaid
from migration_runner.history.drawing_svg import render_svg
from migration_runner.history.drawing_text import render_text
from migration_runner.history.layout import Graph, lay_out
from migration_runner.history.relation import AHEAD
from migration_runner.history.request import Request
from migration_runner.log import events, logs, streams
from migration_runner.log.plain_text import plain_text
from migration_runner.log.redaction import redact
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.runs import carry_out, prepare_run

_STANDARD_OUTPUT: Final = "-"
_RENDERERS: Final[dict[str, Callable[[Graph], str]]] = {
    ".txt": render_text,
    ".mmd": render_mermaid,
    ".svg": render_svg,
}


def draw_history(invocation: Invocation, options: argparse.Namespace) -> None:
    """Draw the history to standard output, or to the file that `--graph` names.

    If the database is unreachable, nothing is marked. Raises `UsageError` for a file of another
    kind, or one that cannot be written.
    """
    file = Path(options.graph)
    render = render_text if options.graph == _STANDARD_OUTPUT else _RENDERERS.get(file.suffix)
    if render is None:
        message = f"--graph writes {', '.join(_RENDERERS)} files. {file} is none of them."
        raise UsageError(message)
    if options.rev_range:
        message = "--graph draws the whole history. Omit --rev-range."
        raise UsageError(message)
    text = plain_text(redact(render(_lay_out(invocation))))
    if options.graph == _STANDARD_OUTPUT:
        streams.write_answer(text)
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise UsageError(message) from None


def _lay_out(invocation: Invocation) -> Graph:
    settings = dataclasses.replace(invocation.load_settings(), wait_timeout=0.0)
    request = Request("upgrade", ("heads",))
    run = prepare_run(settings, invocation.report, request, read_only=True)
    run.optional = True
    history = run.project.history
    at: set[str] | None = None
    applied: set[str] = set()

    def look(state: DatabaseState) -> bool:
        nonlocal at
        heads = state.heads()
        at = {*(at or ()), *heads}
        if state.books(heads).relate().kind == AHEAD:
            applied.update(history.heads)
        return False

    try:
        carry_out(run, lambda _: look)
    except (DatabaseUnavailable, DatabaseRejected, ConfigError) as error:
        logs.get_logger().warning(events.DATABASE_SKIPPED, detail=error.message)
    dependencies = {revision.id: revision.dependencies for revision in history.revisions.values()}
    return lay_out(history, at=at, applied=applied, dependencies=dependencies)
