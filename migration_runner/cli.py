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

from migration_runner import __version__
from migration_runner.commands.invocation import Invocation, Options
from migration_runner.errors import Interrupted, UsageError
from migration_runner.log import logs
from migration_runner.project.command_line import configure, usage_error
from migration_runner.report.finish import finish
from migration_runner.report.report import RunReport
from migration_runner.settings.settings import AlembicOptions
from migration_runner.settings.variables import VARIABLES
from migration_runner.signals import interruptible, unblock_signals
from migration_runner.verbs import ALEMBICS, CONFIG, EXEC, UPGRADE, VERBS, Verb

_BEHIND = "_behind"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with 2."""
        raise usage_error(message, "migrate")


def _flags() -> argparse.ArgumentParser:
    """Return the flags of all verbs; not given, one must not undo the one before."""
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    flags.add_argument("--json", dest="as_json", action="store_true", help="for programs")
    for variable in VARIABLES:
        flags.add_argument(variable.flag, dest=variable.field, help=variable.help, metavar="VALUE")
    return flags


def _alembics_flags(place: str = "") -> argparse.ArgumentParser:
    """Return Alembic's own flags; those that stand behind a verb have names of another `place`.

    Otherwise argparse would forget the ones before it.
    """
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    flags.add_argument(
        "-c", "--config", dest=f"files{place}", action="append", metavar="FILE",
        help="alembic.ini or pyproject.toml",
    )  # fmt: skip
    flags.add_argument(
        "-n", "--name", dest=f"section{place}", metavar="SECTION", help="the section in it"
    )
    flags.add_argument(
        "-x", dest=f"x{place}", action="append", metavar="NAME=VALUE", help="for env.py"
    )
    flags.add_argument("--raiseerr", dest="raise_errors", action="store_true", help="a traceback")
    flags.add_argument("-q", "--quiet", action="store_true", help="no log but for warnings")
    return flags


def _parser() -> argparse.ArgumentParser:
    parents: list[Any] = [_alembics_flags(), _flags()]
    parser = _Parser(
        prog="migrate",
        usage="migrate [flags] [COMMAND] ...",
        description=_describe_verbs(),
        epilog="Every long flag of ours is a variable, too: --wait-timeout is MIGRATE_WAIT_TIMEOUT."
        " `migrate COMMAND --help` tells what a command takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=parents,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"migrate {__version__}")
    parser.set_defaults(verb=UPGRADE)
    verbs = parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS, prog="migrate")
    behind: list[Any] = [_alembics_flags(_BEHIND), _flags()]
    for verb in VERBS:
        sub = verbs.add_parser(
            verb.name, description=f"{verb.help}.", parents=behind, allow_abbrev=False
        )
        sub.set_defaults(verb=verb)
        verb.add_arguments(sub)
    for verb in ALEMBICS:
        # Nothing is a flag to this one: all of it is Alembic's to read.
        sub = verbs.add_parser(verb.name, prefix_chars="\0", add_help=False)
        sub.set_defaults(verb=verb)
        sub.add_argument("words", nargs="*")
    return parser


def _describe_verbs() -> str:
    """Return both worlds on one page."""

    def listed(verbs: Sequence[Verb]) -> str:
        return "\n".join(f"  {verb.name:<15} {verb.help}" for verb in verbs)

    return (
        "Wait for Postgres, take the run lock, run `upgrade`, verify, report, exit.\n\n"
        f"commands:\n{listed(VERBS)}\n\nAlembic's own, with its flags:\n{listed(ALEMBICS)}"
    )


def _join_places(words: dict[str, Any]) -> None:
    """Put together what stands before the verb and behind it. Raises `UsageError`."""
    if later := words.pop(f"x{_BEHIND}", None):
        words["x"] = [*words.get("x", ()), *later]
    for name, flag in (("files", "-c"), ("section", "-n")):
        later = words.pop(f"{name}{_BEHIND}", None)
        if later and words.setdefault(name, later) != later:
            message = f"{flag} stands before the command and behind it, with other words."
            raise UsageError(message)


class _Help(Exception):
    """`--help` or `--version` was printed: there is no run."""


def _parse(arguments: Sequence[str] | None) -> tuple[Verb, dict[str, Any], Options]:
    """Return the verb, the settings that were given as flags, and the verb's own words."""
    ours = list(sys.argv[1:] if arguments is None else arguments)
    # argparse's versions differ in what they make of it, and the command has flags of its own.
    at = ours.index("--") if "--" in ours and EXEC.name in ours[: ours.index("--")] else len(ours)
    try:
        words: dict[str, Any] = vars(_parser().parse_args(ours[:at]))
        verb: Verb = words.pop("verb")
        _join_places(words)
        if verb.alembics:
            # Those of our flags that stand behind the command.
            flags_behind, behind = _flags().parse_known_args(words["words"])
            words |= {**vars(flags_behind), "words": (*behind, *ours[at:])}
    except SystemExit as printed:
        raise _Help from printed
    targets = words.pop("targets", None) or ()
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    if not verb.alembics:
        targets = (*targets, *ours[at + 1 :])
    if words.pop("quiet", False):
        words.setdefault("log_level", "warning")
    own = {field.name for field in fields(Options)}
    options = Options(
        verb=verb.name, targets=targets, **{name: words[name] for name in own & words.keys()}
    )
    flags = {name: value for name, value in words.items() if name not in own and value}
    if verb is CONFIG:
        # It shows what was given.
        return verb, flags, options
    if options.as_json:
        flags["log_format"] = "json"
    if verb is UPGRADE and targets:
        flags["target"] = " ".join(targets)
    if (verb.answers or options.sql) and not os.environ.get("MIGRATE_LOG_LEVEL"):
        flags.setdefault("log_level", "warning")
    return verb, flags, options


def _read_words(verb: Verb, options: Options) -> None:
    """Let Alembic read what stands behind its command, and print its help, before a run begins."""
    try:
        configure(AlembicOptions(), [verb.name, *options.words])
    except SystemExit as printed:
        raise _Help from printed


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
        report.answers = verb.answers or options.sql
        if report.answers:
            logs.log_to_standard_error(keep_output=verb.alembics or options.sql)
        if verb.alembics:
            _read_words(verb, options)
    except _Help:
        return 0
    except UsageError as error:
        return finish(report, error)

    def abandon(signal_number: int) -> None:
        os._exit(finish(report, Interrupted(signal_number), abandoned=True))

    with interruptible(abandon, verb.grace_seconds) as disarm:
        failure: BaseException | None = None
        try:
            try:
                unblock_signals()
                verb.command()(Invocation(options, flags, report))
            finally:
                disarm()
        except BaseException as caught:  # noqa: BLE001 - every way out is reported
            failure = caught
        return finish(report, failure)


if __name__ == "__main__":
    sys.exit(main())
