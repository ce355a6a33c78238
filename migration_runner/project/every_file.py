"""Every revision file by itself: loaded, or with the reason why not. One does not hide another.

Private names of Alembic used: `ScriptDirectory._load_revisions`, and what it calls for each file:
`Script._from_path`, in older releases `_from_filename`.
"""

from __future__ import annotations

import contextlib
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import LoopDetected, RevisionError
from alembic.util import CommandError

from migration_runner.history.history import History
from migration_runner.history.revision_names import as_tuple
from migration_runner.project.command_line import configure
from migration_runner.project.errors import locate
from migration_runner.project.flask import enter_flask_application
from migration_runner.project.loading import (
    open_scripts,
    sentence,
    url_in_configuration,
    version_folders,
)
from migration_runner.project.script_map import read_history
from migration_runner.project.unloadable import note_unloadable_files
from migration_runner.settings.settings import AlembicOptions

_LOADER: Final = "_from_filename" if hasattr(Script, "_from_filename") else "_from_path"


@dataclass(frozen=True)
class UnloadedFile:
    """A file that cannot be loaded: its line, what was raised, and where in the project's code.

    `is_own_parent` says why Alembic does not take a file that otherwise is right.
    """

    file: Path
    line: int | None
    error: str
    place: tuple[str, int | None] | None
    is_own_parent: bool


@dataclass(frozen=True)
class LoadedFile:
    """A file that was loaded: what it declares."""

    file: Path
    id: str
    down_revision: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]


class EveryFile:
    """The revision files of a project. Raises `ConfigError` for a wrong configuration."""

    def __init__(self, options: AlembicOptions) -> None:
        note_unloadable_files()
        config = configure(options, ["heads"])
        enter_flask_application(config)
        self.directory = open_scripts(config)
        self.folder = Path(self.directory.dir)
        self.env_file = Path(self.directory.env_py_location)
        self.url = url_in_configuration(config)
        self.version_folders = version_folders(self.directory)
        self.unloaded: list[UnloadedFile] = []
        self._scripts = list(_load_each(self.directory, self._note))
        self.loaded = [_describe(script) for script in self._scripts]

    def _note(self, file: Path, error: BaseException) -> None:
        text = sentence(error) if str(error) else ""
        if not isinstance(error, CommandError | RevisionError):
            text = f"{type(error).__name__}{': ' if text else '.'}{text}"
        place = locate(error)
        line = place[1] if place and place[0] == str(file) else _line_in(file, error)
        is_own_parent = isinstance(error, LoopDetected)
        self.unloaded.append(UnloadedFile(file, line, text, place, is_own_parent))

    def history(self) -> History:
        """Return the history of the loaded files. Raises `HistoryError` if Alembic refuses them."""
        return read_history(self.directory, self._scripts)


def _line_in(file: Path, error: BaseException) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in frames if frame.filename == str(file)), None)


def _describe(script: Script) -> LoadedFile:
    return LoadedFile(
        Path(script.path),
        script.revision,
        as_tuple(script.down_revision),
        as_tuple(script.dependencies),
        as_tuple(script.branch_labels),
    )


def _load_each(
    directory: ScriptDirectory, note: Callable[[Path, BaseException], None]
) -> Iterator[Script]:
    with _noting(note), warnings.catch_warnings():
        # "loaded twice! ignoring": two version_locations can be the same folder.
        warnings.simplefilter("ignore", UserWarning)
        yield from directory._load_revisions()  # noqa: SLF001 - see the module's docstring


@contextlib.contextmanager
def _noting(note: Callable[[Path, BaseException], None]) -> Iterator[None]:
    """Let Alembic pass over a file that cannot be loaded, as over one that is no revision."""
    load: Any = getattr(Script, _LOADER)

    def load_or_note(_: object, directory: ScriptDirectory, *parts: Any) -> Script | None:
        try:
            found: Script | None = load(directory, *parts)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file raises
            note(Path(*parts), error)
            return None
        return found

    original = vars(Script)[_LOADER]
    setattr(Script, _LOADER, classmethod(load_or_note))
    try:
        yield
    finally:
        setattr(Script, _LOADER, original)
