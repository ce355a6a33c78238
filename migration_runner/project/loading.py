"""Errors of configurations, folders and revision files that cannot be loaded."""

from __future__ import annotations

import configparser
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from migration_runner.errors import ConfigError, HistoryError
from migration_runner.project.errors import describe_interpolation, locate, name_place
from migration_runner.project.pins import explain_versions
from migration_runner.settings.settings import DEFAULT_SECTION


def sentence(error: BaseException) -> str:
    """Return an error's message as a sentence."""
    return " ".join(str(error).split()).rstrip(".") + "."


def broken_history(detail: str) -> HistoryError:
    """Return the error of a history that Alembic refuses."""
    return HistoryError(f"The history is broken: {detail}", reason="broken_history")


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Raise `HistoryError` that names the file that cannot be loaded."""
    try:
        yield
    except (CommandError, RevisionError) as error:
        raise broken_history(sentence(error)) from error
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


@contextlib.contextmanager
def reading(config: Config) -> Iterator[None]:
    """Raise `ConfigError` for a configuration that does not say where the scripts are."""
    try:
        yield
    except configparser.InterpolationSyntaxError as error:
        message = f"{name_configuration(config)} has {describe_interpolation(error)}."
        raise ConfigError(message) from None
    except (CommandError, configparser.Error, ValueError) as error:
        # A `ValueError`: the encoding, the syntax of pyproject.toml, an unknown separator.
        named, reason = name_configuration(config), sentence(error)
        message = f"{named} is not a valid Alembic configuration: {reason}"
        raise ConfigError(message) from error


def open_scripts(config: Config) -> ScriptDirectory:
    """Return Alembic's directory of revisions, with none loaded. Raises `ConfigError`."""
    with reading(config):
        directory = ScriptDirectory.from_config(config)
    require_folders(version_folders(directory))
    return directory


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


def read_option(config: Config, name: str) -> Any:
    """Return one of Alembic's own options, also from pyproject.toml; None if it is not set."""
    # Of Alembic 1.16, which reads pyproject.toml.
    read: Any = getattr(config, "get_alembic_option", config.get_main_option)
    return read(name)


def url_in_configuration(config: Config) -> str:
    """Return `sqlalchemy.url` as it is written in the configuration; empty if it is not there."""
    section = config.config_ini_section
    return config.file_config.get(section, "sqlalchemy.url", raw=True, fallback="")
