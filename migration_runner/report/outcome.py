"""The outcome and the exit code of a run, from its report and its error."""

from __future__ import annotations

from typing import Final

from migration_runner.errors import Interrupted, MigrationError
from migration_runner.report.report import RunReport

INTERNAL_ERROR: Final = 70


def judge(report: RunReport, error: BaseException | None) -> tuple[str, int]:
    """Return outcome and exit code of a run that ended with `error`; None for success."""
    if isinstance(error, Interrupted):
        return "interrupted", error.exit_code
    if isinstance(error, MigrationError):
        return "failed", error.exit_code
    if error is not None:
        return "failed", INTERNAL_ERROR
    if report.conclusion:
        return report.conclusion[0], 0
    if report.applied or report.unlisted:
        return "applied", 0
    ahead = report.ahead or any(part.ahead for part in report.parts)
    return ("ahead" if ahead else "up_to_date"), 0
