"""Alembic's own command line: its options and commands.

Alembic's `CommandLine` parses them, so that `-c`, `-n`, `-x`, `pyproject.toml`, `ALEMBIC_CONFIG`
and `config.cmd_opts` are what an env.py expects of the installed release of Alembic
(https://alembic.sqlalchemy.org/en/latest/api/commands.html#alembic.config.CommandLine).
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from alembic.config import CommandLine, Config
from alembic.util import CommandError

from migration_runner.errors import UsageError
from migration_runner.log import streams
from migration_runner.project.command_errors import explain_hook, translate_command_error
from migration_runner.settings.settings import AlembicOptions
from migration_runner.settings.variables import VARIABLES
from migration_runner.usage_errors import flags_of, reject_unknown, usage_error

_EPILOG: Final = "The runner's own flags, such as --json and --log-level: migrate help settings"
# Those that may follow a command of Alembic's.
_RUNNER_FLAGS: Final = ("--json", *(variable.flag for variable in VARIABLES))


def configure(options: AlembicOptions, command: Sequence[str]) -> Config:
    """Return the configuration with which Alembic would run `command`: `["upgrade", "head"]`.

    Its `cmd_opts` has the command's function and arguments. Raises `UsageError` for arguments that
    Alembic does not accept, `SystemExit` after printing help.
    """
    line = _Line(prog="migrate")
    try:
        line.main([*options.words(), *command])
    except CommandError as error:
        raise usage_error(str(error), line.parser.prog) from error
    assert line.config is not None  # noqa: S101 - `main` has called `run_cmd`
    return line.config


def run_alembic_command(config: Config) -> None:
    """Run the command of `config`.

    Raises what `translate_command_error` returns if Alembic refuses it.
    """
    try:
        _run(config)
    except BrokenPipeError:
        # `migrate history | head`: the reader has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandError as error:
        if config.cmd_opts and config.cmd_opts.raiseerr:
            traceback.print_exc(file=sys.stderr)
        raise translate_command_error(error) from error
    except Exception as error:
        if hook := explain_hook(error):
            raise hook from error
        raise


def _run(config: Config) -> None:
    """Run the command as Alembic's own command line does, but let errors through."""
    options: Any = config.cmd_opts
    function, positional, keywords = options.cmd
    if getattr(options, "sql", False):
        # The script is to be executed: it is as it is.
        _call(config, options, function, positional, keywords)
        return
    with streams.filtered_standard_output() as output:
        config.stdout = output  # type: ignore[assignment]  # all that is written to
        _call(config, options, function, positional, keywords)


def _call(
    config: Config,
    options: Any,
    function: Callable[..., object],
    positional: Sequence[str],
    keywords: Sequence[str],
) -> None:
    function(
        config,
        *(getattr(options, name, None) for name in positional),
        **{name: getattr(options, name, None) for name in keywords},
    )


class _Line(CommandLine):
    """Alembic's command line, without running the command."""

    config: Config | None = None

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        _raise_usage_errors(self.parser)
        self.parser.parse_args = self._parse  # type: ignore[assignment]  # it names no flag
        for name, sub in _subparsers(self.parser).items():
            # argparse puts the global options before the command's name.
            sub.prog = f"{prog} {name}"
            sub.epilog = _EPILOG
        _subparsers(self.parser)["history"].add_argument(
            "--graph",
            nargs="?",
            const="-",
            metavar="FILE",
            help="Draw the history as text, or into a .svg, .mmd or .txt file",
        )

        _subparsers(self.parser)["revision"].add_argument(
            "--rename",
            action="append",
            metavar="TABLE.OLD=NEW",
            help="With --autogenerate and without a database: the column NEW is the old column OLD",
        )

    def _parse(self, words: Sequence[str]) -> argparse.Namespace:
        found, unknown = self.parser.parse_known_args(words)
        command = _subparsers(self.parser)[found.cmd[0].__name__]
        for word in unknown:
            if word in flags_of(self.parser):
                message = f"{word} goes before the command, as in Alembic. See `migrate --help`."
                raise UsageError(message)
        reject_unknown(unknown, command, _RUNNER_FLAGS)
        return found

    def run_cmd(self, config: Config, options: argparse.Namespace) -> None:  # noqa: ARG002 - Alembic passes them
        self.config = config


def _raise_usage_errors(parser: argparse.ArgumentParser) -> None:
    def fail(message: str) -> NoReturn:
        raise usage_error(message, parser.prog)

    parser.error = fail  # type: ignore[method-assign]  # instead of exiting with 2
    for sub in _subparsers(parser).values():
        _raise_usage_errors(sub)


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands' parsers, for which argparse has no public interface."""
    for action in parser._actions:  # noqa: SLF001 - see the docstring
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - see the docstring
            return dict(action.choices)
    return {}


def reads_pyproject() -> bool:
    """Whether the installed release of Alembic reads `[tool.alembic]` of pyproject.toml."""
    return hasattr(Config, "get_alembic_option")
