"""The command line: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from migration_runner import __version__, logs
from migration_runner.commands.begin import Options
from migration_runner.errors import Interrupted, UsageError
from migration_runner.report import RunReport
from migration_runner.signals import interruptible
from migration_runner.variables import VARIABLES
from migration_runner.verbs import CONFIG, UPGRADE, VERBS, Verb


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with 2."""
        sentence = f"{message[:1].upper()}{message[1:]}. See `migrate --help`."
        raise UsageError(sentence)


def _parser() -> argparse.ArgumentParser:
    # Before the verb or behind it; not given, a flag must not undo the one before.
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("-c", "--config", dest="alembic_config", help="the alembic.ini")
    flags.add_argument("--json", dest="as_json", action="store_true", help="for programs")
    for variable in VARIABLES:
        flags.add_argument(variable.flag, dest=variable.field, help=variable.help, metavar="VALUE")
    parser = _Parser(
        prog="migrate",
        description="Wait for Postgres, take the run lock, run `upgrade`, report, exit.",
        epilog="Every flag is a variable, too: --wait-timeout is MIGRATE_WAIT_TIMEOUT.",
        parents=[flags],
    )
    parser.add_argument("--version", action="version", version=f"migrate {__version__}")
    parser.set_defaults(verb=UPGRADE)
    verbs = parser.add_subparsers(metavar="COMMAND")
    for verb in VERBS:
        sub = verbs.add_parser(
            verb.name, help=verb.help, description=f"{verb.help}.", parents=[flags]
        )
        sub.set_defaults(verb=verb)
        verb.add_arguments(sub)
    return parser


class _Help(Exception):
    """`--help` or `--version` was printed: there is no run."""


def _parse(arguments: Sequence[str] | None) -> tuple[Verb, dict[str, str], Options]:
    """Return the verb, the settings that were given as flags, and the verb's own words."""
    ours = list(sys.argv[1:] if arguments is None else arguments)
    # argparse's versions differ in what they make of it, and the command has flags of its own.
    at = ours.index("--") if "--" in ours else len(ours)
    try:
        words: dict[str, Any] = vars(_parser().parse_args(ours[:at]))
    except SystemExit as printed:
        raise _Help from printed
    verb: Verb = words.pop("verb")
    targets = words.pop("targets", None) or ()
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    words["targets"] = (*targets, *ours[at + 1 :])
    own = {field.name for field in fields(Options)}
    options = Options(**{name: words[name] for name in own & words.keys()})
    flags = {name: value for name, value in words.items() if name not in own and value}
    if verb is CONFIG:
        # It shows what was given.
        return verb, flags, options
    if options.as_json:
        flags["log_format"] = "json"
    if verb is UPGRADE and options.targets:
        flags["target"] = options.targets[0]
    if verb.answers and not os.environ.get("MIGRATE_LOG_LEVEL"):
        flags.setdefault("log_level", "warning")
    return verb, flags, options


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
    try:
        verb, flags, options = _parse(arguments)
    except _Help:
        return 0
    except UsageError as error:
        return report.finish(error)
    report.answers = verb.answers
    if verb.answers:
        logs.log_to_standard_error()

    def abandon(signal_number: int) -> None:
        os._exit(report.finish(Interrupted(signal_number), abandoned=True))

    with interruptible(abandon, verb.grace_seconds) as disarm:
        failure: BaseException | None = None
        try:
            try:
                verb.command(flags, report, options)
            finally:
                disarm()
        except BaseException as caught:  # noqa: BLE001 - every way out is reported
            failure = caught
        return report.finish(failure)


if __name__ == "__main__":
    sys.exit(main())
