"""Alembic's own command line: its options, its commands, and what it makes of them.

Alembic's `CommandLine` reads them, so that `-c`, `-n`, `-x`, `pyproject.toml`, `ALEMBIC_CONFIG` and
`config.cmd_opts` are what an env.py knows, whichever release of Alembic is installed
(https://alembic.sqlalchemy.org/en/latest/api/commands.html#alembic.config.CommandLine).
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from alembic.config import CommandLine, Config
from alembic.util import CommandError

from migration_runner.errors import HistoryError, PendingRevisions, UsageError
from migration_runner.project.loading import sentence
from migration_runner.settings.settings import AlembicOptions


def configure(options: AlembicOptions, command: Sequence[str]) -> Config:
    """Return the configuration that Alembic would run `command` with: `["upgrade", "head"]`.

    Its `cmd_opts` has the command's function and arguments. Raises `UsageError` for words that
    Alembic does not take, `SystemExit` when it has printed its help.
    """
    line = _Line(prog="migrate")
    try:
        line.main([*options.words(), *command])
    except CommandError as error:
        raise usage_error(str(error), line.parser.prog) from error
    assert line.config is not None  # noqa: S101 - `main` has called `run_cmd`
    return line.config


def run_alembic_command(config: Config) -> None:
    """Run the command that `config` was made for.

    Raises `HistoryError` for what Alembic refuses, `PendingRevisions` where that is because the
    database is behind.
    """
    try:
        _run(config)
    except BrokenPipeError:
        # `migrate history | head`: whoever reads has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandError as error:
        if config.cmd_opts and config.cmd_opts.raiseerr:
            traceback.print_exc(file=sys.stderr)
        if type(error).__name__ == "DatabaseNotAtHead" or "not up to date" in str(error):
            message = f"{sentence(error)} Run `migrate`."
            raise PendingRevisions(message) from error
        raise HistoryError(sentence(error), reason="alembic") from error


def _run(config: Config) -> None:
    """Run the command as Alembic's own command line does, but print nothing of what it raises."""
    options: Any = config.cmd_opts
    function, positional, keywords = options.cmd
    function(
        config,
        *(getattr(options, name, None) for name in positional),
        **{name: getattr(options, name, None) for name in keywords},
    )


class _Line(CommandLine):
    """Alembic's command line, up to the moment when it would run the command."""

    config: Config | None = None

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        _raise_usage_errors(self.parser)
        # argparse names the command behind the options that stand before it.
        for name, sub in _subparsers(self.parser).items():
            sub.prog = f"{prog} {name}"
        _subparsers(self.parser)["history"].add_argument(
            "--graph",
            nargs="?",
            const="-",
            metavar="FILE",
            help="Draw it: as text, or into a file that ends in .svg, .mmd or .txt",
        )

    def run_cmd(self, config: Config, options: argparse.Namespace) -> None:  # noqa: ARG002 - Alembic passes them
        self.config = config


def usage_error(message: str, prog: str) -> UsageError:
    """Return what argparse has to say, as an error of ours."""
    return UsageError(f"{message[:1].upper()}{message[1:]}. See `{prog} --help`.")


def _raise_usage_errors(parser: argparse.ArgumentParser) -> None:
    def fail(message: str) -> NoReturn:
        raise usage_error(message, parser.prog)

    parser.error = fail  # type: ignore[method-assign]  # instead of exiting with 2
    for sub in _subparsers(parser).values():
        _raise_usage_errors(sub)


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands: argparse has no public way."""
    for action in parser._actions:  # noqa: SLF001 - see the docstring
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - see the docstring
            return dict(action.choices)
    return {}
