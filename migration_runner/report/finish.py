"""The end of a run: the last line of the log and the termination message, written once."""

from __future__ import annotations

import logging
import traceback
from typing import Final

from migration_runner.log import events, logs, streams
from migration_runner.report.outcome import INTERNAL_ERROR, judge
from migration_runner.report.report import RunReport
from migration_runner.report.result import count_applied, describe_result
from migration_runner.report.summary import summarize
from migration_runner.report.termination import write_termination_message

# So that an alert on errors in the log sees them.
_LEVELS: Final = {"failed": logging.ERROR, "interrupted": logging.WARNING}


def finish(
    report: RunReport, error: BaseException | None = None, *, abandoned: bool = False
) -> int:
    """Write the last line and the termination message, and return the exit code.

    Only the first call writes: the main thread and the signal thread can both get here. The second
    returns the same exit code. A run that is `abandoned` has no time to wait for a reader.
    """
    report.gather_parts()
    outcome, exit_code = judge(report, error)
    if not report.finishing.acquire(blocking=False):
        return exit_code if report.exit_code is None else report.exit_code
    report.exit_code = exit_code
    streams.begin_last_lines(hurry=abandoned)
    summary = summarize(report, outcome, error, abandoned=abandoned)
    facts = describe_result(report, outcome, exit_code, error)
    if exit_code == INTERNAL_ERROR and error is not None:
        trace = "".join(traceback.format_exception(error))
        logs.get_logger().error(events.RUN_FAILED, exception=trace)
    if report.termination_log is not None:
        write_termination_message(report.termination_log, summary, facts, count_applied(report))
    if not report.prints_answer or error is not None:
        level = _LEVELS.get(outcome, logging.INFO)
        logs.write_last_line(events.RUN_FINISHED, level, summary=summary, **facts)
    return exit_code
