"""The command line: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from migration_runner import __version__, logs
from migration_runner.commands.build import build
from migration_runner.commands.upgrade import upgrade
from migration_runner.commands.wait import wait
from migration_runner.errors import Interrupted, UsageError
from migration_runner.report import RunReport
from migration_runner.settings import VARIABLES
from migration_runner.signals import interruptible


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with 2."""
        sentence = f"{message[:1].upper()}{message[1:]}. See `migrate --help`."
        raise UsageError(sentence)


def _parser() -> argparse.ArgumentParser:
    # Before the verb or behind it; not given, a flag must not undo the one before.
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("-c", "--config", dest="alembic_config", help="the alembic.ini")
    for variable in VARIABLES:
        flags.add_argument(variable.flag, dest=variable.field, help=variable.help, metavar="VALUE")
    parser = _Parser(
        prog="migrate",
        description="Wait for Postgres, take the run lock, run `upgrade`, report, exit.",
        epilog="Every flag is a variable, too: --wait-timeout is MIGRATE_WAIT_TIMEOUT.",
        parents=[flags],
    )
    parser.add_argument("--version", action="version", version=f"migrate {__version__}")
    parser.set_defaults(command=upgrade)
    verbs = parser.add_subparsers(metavar="COMMAND")
    for name, command, description in (
        ("upgrade", upgrade, "the run itself, which is also the default"),
        ("wait", wait, "wait until another run has reached the target"),
        ("build", build, "in an image's build: check the history, compile it"),
    ):
        verb = verbs.add_parser(name, help=description, description=description, parents=[flags])
        verb.set_defaults(command=command)
        if command is upgrade:
            verb.add_argument("revision", nargs="?", help="as `alembic upgrade` takes it")
    return parser


class _Help(Exception):
    """`--help` or `--version` was printed: there is no run."""


def _parse(arguments: Sequence[str] | None) -> dict[str, Any]:
    try:
        flags = vars(_parser().parse_args(arguments))
    except SystemExit as printed:
        raise _Help from printed
    if revision := flags.pop("revision", None):
        flags["target"] = revision
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Whatever happens, it is reported."""
    logs.open_standard_streams()
    report = RunReport(run_id=uuid.uuid4().hex[:12], build=os.environ.get("MIGRATE_BUILD", ""))
    report.termination_log = Path(
        os.environ.get("MIGRATE_TERMINATION_LOG") or "/dev/termination-log"
    )
    logs.configure_logging(
        os.environ.get("MIGRATE_LOG_FORMAT", "auto"), os.environ.get("MIGRATE_LOG_LEVEL", "info")
    )
    logs.bind(run_id=report.run_id)

    def abandon(signal_number: int) -> None:
        os._exit(report.finish(Interrupted(signal_number), abandoned=True))

    with interruptible(abandon) as disarm:
        error: BaseException | None = None
        try:
            try:
                flags = _parse(arguments)
                command = flags.pop("command")
                command({name: value for name, value in flags.items() if value}, report)
            finally:
                disarm()
        except _Help:
            return 0
        except BaseException as caught:  # noqa: BLE001 - every way out is reported
            error = caught
        return report.finish(error)


if __name__ == "__main__":
    sys.exit(main())
