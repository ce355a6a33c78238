"""Waiting until another run has brought the database to the target."""

from __future__ import annotations

from typing import Final

import tenacity

from migration_runner import events, logs
from migration_runner.clock import Clock, Stopwatch
from migration_runner.env_run import Decide
from migration_runner.errors import PendingRevisions
from migration_runner.report import RunReport
from migration_runner.settings import Settings
from migration_runner.state import DatabaseState

_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 1.5


def decide_wait(settings: Settings, _report: RunReport, clock: Clock) -> Decide:
    """Return the decision of `migrate wait`: look until nothing is pending, and apply nothing.

    It raises `PendingRevisions` when that takes longer than the wait timeout.
    """

    def decide(state: DatabaseState) -> bool:
        stopwatch = Stopwatch(clock)

        def log(attempt: tenacity.RetryCallState) -> None:
            if attempt.attempt_number == 1:
                logs.get_logger().info(
                    events.REVISIONS_PENDING,
                    remaining_seconds=round(stopwatch.remaining(settings.wait_timeout), 1),
                )

        retrying = tenacity.Retrying(
            sleep=clock.sleep,
            stop=lambda _attempt: stopwatch.remaining(settings.wait_timeout) <= 0,
            wait=tenacity.wait_random(_SHORTEST_PAUSE, _LONGEST_PAUSE),
            retry=tenacity.retry_if_result(lambda at_target: not at_target),
            before_sleep=log,
            retry_error_callback=lambda _attempt: False,
        )
        if not retrying(state.at_target):
            message = (
                f"The database did not reach the target within {stopwatch.elapsed():.1f} s."
                " Look at the run that migrates, or raise MIGRATE_WAIT_TIMEOUT."
            )
            raise PendingRevisions(message)
        return False

    return decide
