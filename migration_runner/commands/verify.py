"""`migrate verify`: the history before it ships."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from migration_runner.commands.applied import read_applied
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import HistoryError, UsageError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.checks import Level
from migration_runner.workshop.formats.writing import write_result
from migration_runner.workshop.git import Git, NoGit
from migration_runner.workshop.result import verdict
from migration_runner.workshop.verify import verify as verify_history

_APPLIED: Final = "applied"


def verify(invocation: Invocation) -> None:
    """Print what was found.

    Raises `HistoryError`, `SchemaDrift` or `HazardFound` for what is not waived, `ConfigError`
    where there is no server for it, `UsageError` for a base that is not there.
    """
    options = invocation.options
    settings = invocation.load_settings()
    settings.require_one_history()
    new, origin = _new_revisions(invocation, settings)
    fail_on = None if options.fail_on == "never" else Level[options.fail_on.upper()]
    least = Level.NOTE if fail_on is Level.NOTE else Level.WARNING
    result = verify_history(
        settings, new, origin, least=least, target=invocation.report.server_version or ""
    )
    write_result(result, "json" if options.as_json else options.format or "text")
    invocation.report.conclusion = "checked", result.summary
    if (error := verdict(result, fail_on)) is not None:
        raise error


def _new_revisions(
    invocation: Invocation, settings: Settings
) -> tuple[Collection[str] | None, str]:
    """Return the revisions that the base does not have, and the base; None for all."""
    options = invocation.options
    if options.all_revisions:
        return None, ""
    try:
        project = AlembicProject(settings.alembic)
    except HistoryError:
        # It is checked, and not run.
        return None, ""
    revisions = project.history.revisions
    if options.since == _APPLIED:
        applied = read_applied(invocation, settings, required=True) or set()
        return revisions.keys() - applied, "the database"
    try:
        git = Git(project.folders[0])
        base = git.base(options.since)
        return revisions.keys() - git.revisions(base, project.folders[1:]), base
    except (NoGit, UsageError, ValueError) as error:
        if options.since:
            message = f"Which revisions {options.since} has is not known: {error}"
            raise UsageError(message, reason="no_base") from None
        return None, ""
