"""The check of env.py: as in the build of an image, as a finding."""

from __future__ import annotations

from pathlib import Path

from migration_runner.build.env_check import require_env
from migration_runner.errors import ConfigError, HistoryError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.finding import Finding


def check_env(settings: Settings) -> list[Finding]:
    """Return a finding if env.py could not be run with what is there.

    None if the history is broken: then `check_history` says so.
    """
    try:
        project = AlembicProject(settings.alembic)
    except HistoryError:
        return []
    if not project.env_file.is_file():
        message = f"{project.env_file.name} does not exist."
        advice = "Copy it beside the folder of the revisions, or correct script_location."
        return [Finding("env", message, advice, file=project.env_file)]
    try:
        require_env(project)
    except HistoryError as error:
        file = Path(error.facts["file"])
        return [Finding("env", error.message, file=file, line=error.facts.get("line"))]
    except ConfigError as error:
        return [Finding("env", error.message, file=Path(settings.alembic.files[0]))]
    return []
