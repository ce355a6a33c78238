"""Errors of configurations, folders and revision files that cannot be loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from migration_runner.errors import ConfigError, HistoryError
from migration_runner.project.errors import locate, name_place
from migration_runner.project.pins import explain_versions
from migration_runner.settings.settings import DEFAULT_SECTION


def sentence(error: BaseException) -> str:
    """Return an error's message as a sentence."""
    return " ".join(str(error).split()).rstrip(".") + "."


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Raise `HistoryError` that names the file that cannot be loaded."""
    try:
        yield
    except (CommandError, RevisionError) as error:
        message = f"The history is broken: {sentence(error)}"
        raise HistoryError(message, reason="broken_history") from error
    except Exception as error:
        place = locate(error)
        file, line = place or (None, None)
        at = f"{name_place(place)}: " if place else ""
        message = (
            f"A revision file cannot be loaded: {at}{type(error).__name__}: {sentence(error)}"
            f" {_advice(error, file)}{explain_versions()}"
        )
        raise HistoryError(message, reason="import_error", file=file, line=line) from error


def _advice(error: Exception, file: str | None) -> str:
    if file and Path(file).name.startswith("._"):
        return "It is no revision, but a file that macOS adds to archives: delete it."
    if isinstance(error, OSError):
        return "Make the file readable (chmod -R a+rX), or remove it."
    return "Fix the file, or install what it imports."


def require_folders(folders: Sequence[Path]) -> None:
    """Raise `ConfigError` if no folder of revisions exists, or one cannot be read."""
    for folder in folders:
        try:
            with os.scandir(folder):
                pass
        except PermissionError:
            message = (
                f"Permission denied to uid {os.getuid()} for the folder of revisions {folder}:"
                " make it readable (chmod -R a+rX), for example in the image's build."
            )
            raise ConfigError(message, reason="unreadable_folder") from None
        except OSError:
            continue
        else:
            return
    named = ", ".join(map(str, folders))
    message = (
        f"The folder of revisions does not exist: {named}."
        " Copy it there, or correct script_location or version_locations."
    )
    raise ConfigError(message, reason="missing_folder")


def version_folders(scripts: ScriptDirectory) -> list[Path]:
    """Return the folders of revision files."""
    return [Path(folder) for folder in scripts.version_locations or [f"{scripts.dir}/versions"]]


def name_configuration(config: Config) -> str:
    """Return the names of the files that Alembic has read, and of the section."""
    names = [config.config_file_name, getattr(config, "toml_file_name", None)]
    named = " or ".join(str(name) for name in names if name and Path(name).exists())
    section = config.config_ini_section
    return named if section == DEFAULT_SECTION else f"{named} (section {section})"


def url_in_configuration(config: Config) -> str:
    """Return `sqlalchemy.url` as it is written in the configuration; empty if it is not there."""
    section = config.config_ini_section
    return config.file_config.get(section, "sqlalchemy.url", raw=True, fallback="")
