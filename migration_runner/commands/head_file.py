"""Keeps the project's head.txt after a command that has written a revision."""

from __future__ import annotations

from pathlib import Path

from migration_runner.commands.developer_tools import developer_tools
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.script_folders import HEAD_FILE, find_script_folders
from migration_runner.settings.settings import Settings


def keep_head_file(settings: Settings) -> None:
    """Write the new heads into head.txt, where the project has one."""
    folder = find_script_folders(Path(), settings.alembic).script
    # Without it, the workshop is not needed.
    if not (folder / HEAD_FILE).is_file():
        return
    with developer_tools("revision"):
        from migration_runner.workshop.head_file import write_head_file  # noqa: PLC0415 - not in the image
    write_head_file(folder, AlembicProject(settings.alembic).history.heads)
