"""What Alembic refuses with its one exception, `CommandError`, by the module that raised it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

from alembic.util import CommandError

from migration_runner.errors import (
    ConfigError,
    HistoryError,
    MigrationError,
    PendingRevisions,
    UsageError,
)
from migration_runner.project.loading import sentence

_HOOKS: Final = "script/write_hooks.py"
_AUTOGENERATE: Final = "autogenerate/api.py"
_TEMPLATE: Final = "util/pyfiles.py"
_EDITOR: Final = "util/editor.py"
_COMMAND: Final = "alembic/command.py"
# Of `alembic.command`, these look for a revision; the others refuse their arguments.
_EDIT: Final = ("edit", "edit_current")


def translate_command_error(error: CommandError) -> MigrationError:
    """Return an error with the kind, and so the exit code, of what Alembic refuses."""
    if hook := explain_hook(error):
        return hook
    said = sentence(error)
    if type(error).__name__ == "DatabaseNotAtHead" or "not up to date" in said:
        return PendingRevisions(f"{said} Run `migrate` first.")
    raised = traceback.extract_tb(error.__traceback__)[-1]
    if _is_in(raised, _AUTOGENERATE) and "MetaData" in said:
        message = (
            "env.py passes no models to compare with: pass target_metadata=... to"
            " context.configure()."
        )
        return ConfigError(message, reason="no_metadata")
    if _is_in(raised, _TEMPLATE) or _is_in(raised, _EDITOR):
        return ConfigError(said, reason="alembic")
    if _is_in(raised, _COMMAND) and raised.name not in _EDIT:
        return UsageError(said, reason="alembic")
    return HistoryError(said, reason="alembic")


def explain_hook(error: Exception) -> ConfigError | None:
    """Return the error of a post-write hook that could not be run, or failed; else None."""
    if not any(_is_in(frame, _HOOKS) for frame in traceback.extract_tb(error.__traceback__)):
        return None
    message = (
        f"The revision was written, but its post-write hook failed: {sentence(error)} Correct"
        " post_write_hooks in the Alembic configuration, or install what the hook needs."
    )
    return ConfigError(message, reason="post_write_hook")


def _is_in(frame: traceback.FrameSummary, module: str) -> bool:
    return Path(frame.filename).as_posix().endswith(f"/{module}")
