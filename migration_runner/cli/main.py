"""The command `migrate`: arguments in, exit code out."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from migration_runner.cli.arguments import parse_arguments
from migration_runner.commands.invocation import Invocation, Options
from migration_runner.errors import Interrupted, UsageError
from migration_runner.log import logs
from migration_runner.project.command_line import configure
from migration_runner.report.finish import finish
from migration_runner.report.report import RunReport
from migration_runner.settings.settings import AlembicOptions
from migration_runner.signals import interruptible, unblock_signals


def _check_alembic_words(options: Options) -> None:
    """Let Alembic parse the words of its command, and print its help, before a run begins."""
    configure(AlembicOptions(), [options.command, *options.words])


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
        command, flags, options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
        report.prints_answer = command.prints_answer or options.sql
        if report.prints_answer:
            logs.log_to_standard_error(keep_output=command.is_alembics or options.sql)
        if command.is_alembics:
            _check_alembic_words(options)
    except SystemExit:
        # Help or the version was printed.
        return 0
    except UsageError as error:
        return finish(report, error)

    def abandon(signal_number: int) -> None:
        os._exit(finish(report, Interrupted(signal_number), abandoned=True))

    with interruptible(abandon, command.grace_seconds) as disarm:
        failure: BaseException | None = None
        try:
            try:
                unblock_signals()
                command.function()(Invocation(options, flags, report))
            finally:
                disarm()
        except BaseException as caught:  # noqa: BLE001 - every end is reported
            failure = caught
        return finish(report, failure)


if __name__ == "__main__":
    sys.exit(main())
