"""Where a configuration has its scripts, and what it puts on Python's path; nothing is executed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Final, NamedTuple

from alembic.script import ScriptDirectory

from migration_runner.project.command_line import configure
from migration_runner.project.flask import set_location
from migration_runner.project.loading import read_option, reading, version_folders
from migration_runner.settings.settings import AlembicOptions

# Beside env.py, where a project wants its heads to conflict in git.
HEAD_FILE: Final = "head.txt"


class ScriptFolders(NamedTuple):
    """The folder of env.py, those of the revisions, and those on Python's path; all absolute."""

    script: Path
    versions: list[Path]
    python_path: list[Path]


def find_script_folders(folder: Path, options: AlembicOptions) -> ScriptFolders:
    """Return what the configuration means to a command that is run in `folder`.

    Flask-Migrate's does not say where its scripts are: beside it. Raises `ConfigError`.
    """
    before = list(sys.path)
    try:
        with contextlib.chdir(folder):
            config = configure(options, ["heads"])
            with reading(config):
                if not read_option(config, "script_location"):
                    set_location(config, Path(options.files[0]).resolve().parent)
                scripts = ScriptDirectory.from_config(config)
            added = sys.path[: len(sys.path) - len(before)]
            return ScriptFolders(
                Path(scripts.dir).resolve(),
                [each.resolve() for each in version_folders(scripts)],
                [Path(each).resolve() for each in added],
            )
    finally:
        sys.path[:] = before
