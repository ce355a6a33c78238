"""The command `migrate`: arguments in, exit code out."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from migration_runner.cli.arguments import (
    Arguments,
    CommandLine,
    find_command,
    parse_arguments,
)
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import Interrupted, UsageError
from migration_runner.log import logs, streams
from migration_runner.project.command_line import configure
from migration_runner.report.finish import finish
from migration_runner.report.report import RunReport
from migration_runner.settings.environment_secrets import hide_environment_secrets
from migration_runner.settings.settings import AlembicOptions
from migration_runner.signals import interruptible, received, unblock_signals


def _parse(line: CommandLine, report: RunReport) -> Arguments:
    """Parse a command's arguments. If it prints an answer, the log goes to standard error."""
    command = line.command
    try:
        arguments = parse_arguments(line)
    except UsageError:
        if command.prints_answer:
            streams.log_to_standard_error()
        raise
    options = arguments.options
    report.prints_answer = command.answers(options)
    if report.prints_answer:
        streams.log_to_standard_error(keep_output=command.is_alembics or options.sql)
    if command.is_alembics:
        # Alembic parses its words, and prints its help, before a run begins.
        configure(AlembicOptions(), [command.name, *options.words])
    return arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Whatever happens, it is reported.

    Without `arguments`, it is the process's own command, and the process ends with it.
    """
    streams.open_standard_streams()
    streams.filter_standard_error()
    hide_environment_secrets(os.environ)
    report = RunReport(run_id=uuid.uuid4().hex[:12], build=os.environ.get("MIGRATE_BUILD", ""))
    report.termination_log = Path(
        os.environ.get("MIGRATE_TERMINATION_LOG") or "/dev/termination-log"
    )
    logs.configure_logging(
        os.environ.get("MIGRATE_LOG_FORMAT", "auto"), os.environ.get("MIGRATE_LOG_LEVEL", "info")
    )
    logs.bind(run_id=report.run_id)
    try:
        line = find_command(sys.argv[1:] if arguments is None else arguments)
        flags, options = _parse(line, report)
    except SystemExit:
        # Help or the version was printed.
        return 0
    except UsageError as error:
        return finish(report, error)
    command = line.command

    def abandon(signal_number: int) -> None:
        os._exit(finish(report, Interrupted(signal_number), abandoned=True))

    ends = arguments is None
    with interruptible(abandon, command.grace_seconds, ends=ends) as disarm:
        failure: BaseException | None = None
        try:
            try:
                unblock_signals()
                command.function()(Invocation(options, flags, report))
            finally:
                disarm()
        except BaseException as caught:  # noqa: BLE001 - every end is reported
            failure = caught
        if (number := received()) and not isinstance(failure, Interrupted):
            failure = Interrupted(number)
        return finish(report, failure)


if __name__ == "__main__":
    sys.exit(main())
