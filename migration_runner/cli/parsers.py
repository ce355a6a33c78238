"""The parsers of the command line, and the help pages that they print.

None has defaults: a flag that is not given behind the command must not replace one before it.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from typing import Any, Final

from migration_runner import __version__
from migration_runner.cli.command_arguments import add_arguments
from migration_runner.cli.command_table import ALEMBIC_COMMANDS, COMMANDS, Command
from migration_runner.settings.variables import VARIABLES
from migration_runner.usage_errors import Parser

PROGRAM: Final = "migrate"
_DESCRIPTION: Final = """\
Wait for Postgres, take the run lock, upgrade the database, verify, report.

commands:
{commands}

Alembic's own commands, with Alembic's flags:
{alembic_commands}"""
_EPILOG: Final = """\
migrate help COMMAND     what a command takes
migrate help settings    every setting: its flag, variable, choices and default"""
# Wide enough for the flags that every command takes.
WIDE_FORMATTER: Final = functools.partial(
    argparse.RawDescriptionHelpFormatter, max_help_position=30
)
_POINTER: Final = "Flags of every command (--json, --wait-timeout ...): migrate help settings"


def main_parser() -> Parser:
    """Return the parser of what stands before the command."""

    def listed(commands: Sequence[Command]) -> str:
        return "\n".join(f"  {command.name:<15} {command.help}" for command in commands)

    parser = _parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [flags] [COMMAND] ...",
        description=_DESCRIPTION.format(
            commands=listed(COMMANDS), alembic_commands=listed(ALEMBIC_COMMANDS)
        ),
        epilog=_EPILOG,
        formatter_class=WIDE_FORMATTER,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    add_common_flags(parser, in_help=True)
    _add_setting_flags(parser)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def command_parser(command: Command) -> Parser:
    """Return the parser of what stands behind a command of the runner's."""
    parser = _parser(
        prog=f"{PROGRAM} {command.name}", description=command.description, epilog=_POINTER
    )
    add_arguments(command.name, parser)
    add_common_flags(parser, in_help=False)
    _add_setting_flags(parser)
    return parser


def alembic_command_parser(command: Command) -> Parser:
    """Return the parser of the runner's flags behind a command of Alembic's, which has its own."""
    parser = _parser(prog=f"{PROGRAM} {command.name}", add_help=False)
    _add_json_flag(parser, in_help=False)
    _add_setting_flags(parser)
    return parser


def add_common_flags(parser: argparse.ArgumentParser, *, in_help: bool) -> None:
    """Add the flags that are no settings; where they are not `in_help`, the page leaves them out.

    `-c`, `-n`, `-x` and `--raiseerr` are Alembic's.
    """

    def add(*names: str, help: str, **details: Any) -> None:
        parser.add_argument(*names, help=help if in_help else argparse.SUPPRESS, **details)

    add(
        *("-c", "--config"),
        dest="files",
        action="append",
        metavar="FILE",
        help="alembic.ini or pyproject.toml",
    )
    add("-n", "--name", dest="section", metavar="SECTION", help="the section of that file")
    add("-x", action="append", metavar="NAME=VALUE", help="an argument for env.py")
    add("--raiseerr", dest="raise_errors", action="store_true", help="print Alembic's tracebacks")
    add("-q", "--quiet", action="store_true", help="log only warnings and errors")
    _add_json_flag(parser, in_help=in_help)


def _parser(**details: Any) -> Parser:
    return Parser(argument_default=argparse.SUPPRESS, allow_abbrev=False, **details)


def _add_json_flag(parser: argparse.ArgumentParser, *, in_help: bool) -> None:
    help_ = "write log and answer as JSON" if in_help else argparse.SUPPRESS
    parser.add_argument("--json", dest="as_json", action="store_true", help=help_)


def _add_setting_flags(parser: argparse.ArgumentParser) -> None:
    for variable in VARIABLES:
        parser.add_argument(variable.flag, dest=variable.field, help=argparse.SUPPRESS)
