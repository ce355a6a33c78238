"""The page that `migrate help settings` prints."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable
from typing import Final

from migration_runner.cli.parsers import PROGRAM, WIDE_FORMATTER, add_common_flags
from migration_runner.settings.variables import VARIABLES, Variable

_WIDEST: Final = 100
_DATABASE: Final = (
    (
        "DATABASE_URL or DATABASE_URL_FILE",
        "The database's URL, or a file that contains it.",
    ),
    (
        "MIGRATE_DATABASE_URL or MIGRATE_DATABASE_URL_FILE",
        "The same for the runner only; takes precedence.",
    ),
    (
        "PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSERVICE ...",
        "libpq's own variables, where no URL is set.",
    ),
    ("ALEMBIC_CONFIG", "Alembic's configuration file, as -c. Default: alembic.ini."),
)
_INTRODUCTION: Final = (
    "Every setting is an environment variable and a flag; the flag takes precedence. An empty"
    " variable counts as unset. Durations: 500ms, 30s, 5m, 1h, or plain seconds."
    f" `{PROGRAM} config` shows the settings in effect."
)


def print_settings_page() -> None:
    """Print every setting, as wide as the terminal allows."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) - 2
    paragraphs = [
        textwrap.fill(_INTRODUCTION, width),
        _common_flags(),
        "The database and the project:",
        *_entries(_DATABASE, width),
        "Settings:",
        *_entries(map(_describe, VARIABLES), width),
    ]
    print("\n\n".join(paragraphs))  # noqa: T201 - the command's answer


def _common_flags() -> str:
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS, add_help=False, formatter_class=WIDE_FORMATTER
    )
    add_common_flags(parser, in_help=True)
    _, _, flags = parser.format_help().partition("\n")
    return f"Flags of every command; before the command if it is Alembic's:\n\n{flags.rstrip()}"


def _describe(variable: Variable) -> tuple[str, str]:
    default = f" Default: {variable.default}." if variable.default else ""
    return f"{variable.flag} {variable.takes}, {variable.name}", variable.help + default


def _entries(entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Render each title with its text below it."""
    return [
        f"  {title}\n"
        + textwrap.fill(text, width, initial_indent="      ", subsequent_indent="      ")
        for title, text in entries
    ]
