"""A fleet: looks at all targets, and runs those that have something to do, wave by wave."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from migration_runner import signals
from migration_runner.clock import Stopwatch, SystemClock
from migration_runner.errors import (
    ConfigError,
    DatabaseUnavailable,
    Interrupted,
    TemporaryFailure,
)
from migration_runner.fleet.image import Image
from migration_runner.fleet.look import Sight, Sights, look_at, server_of
from migration_runner.fleet.processes import Process, Processes
from migration_runner.fleet.results import FAILED, INTERRUPTED, UP_TO_DATE, Result, Results
from migration_runner.fleet.schedule import Limits, Schedule
from migration_runner.fleet.targets import Target
from migration_runner.fleet.waves import Wave
from migration_runner.log import events, logs
from migration_runner.settings.settings import Flags, Settings
from migration_runner.settings.variables import VARIABLES
from migration_runner.worker.client import Facts

# How long a signal may go unnoticed.
_TICK_SECONDS: Final = 0.2
# A run that was killed, with its worker for example, is run once more.
_ATTEMPTS: Final = 2
# A target that takes long says so.
_SLOW: Final = (events.RUN_LOCK_BUSY, events.REVISION_RUNNING, events.STATEMENT_RUNNING)
# What the settings name, where a target has a URL of its own.
_OTHER_ADDRESSES: Final = ("DATABASE_URL_FILE", "MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE")


@dataclass(frozen=True)
class Plan:
    """What to do: the waves, the limits, and what runs a single target: `alone`."""

    targets: Sequence[Target]
    waves: Sequence[Wave]
    limits: Limits
    alone: Sequence[str]


def refuse_same_place(targets: Sequence[Target], sights: Sights) -> None:
    """Raise `ConfigError` for two targets that are one database and schema under two names."""
    places: dict[object, str] = {}
    for target in targets:
        place = sights.get(target.name, Sight()).place
        other = target.name if place is None else places.setdefault(place, target.name)
        if other != target.name:
            message = (
                f"The targets {other!r} and {target.name!r} have the same database and version"
                " table. Name each of them once."
            )
            raise ConfigError(message, reason="same_place", targets=[other, target.name])


class Fleet:
    """One command's work on all its targets."""

    def __init__(self, plan: Plan, settings: Settings, flags: Flags, image: Image) -> None:
        self.results = Results([target.name for target in plan.targets])
        self._plan = plan
        self._settings = settings
        self._flags = flags
        self._image = image
        self._processes = Processes(self._log)
        self._attempts: dict[str, int] = {}
        # Servers that were not available within the wait timeout.
        self._down: set[str] = set()

    def run(self, run_id: str, begin: Callable[[], object]) -> None:
        """Look, `begin`, and run what is left. Raises `Interrupted`, or what a look at all raises.

        What becomes of a target is in `results`, even then.
        """
        try:
            waves = self._look(run_id)
            begin()
            schedule = Schedule(waves, self._plan.limits, self._server_of)
            # What a run has said must not be lost.
            with signals.deferred():
                try:
                    self._work(schedule)
                except Interrupted as interrupted:
                    schedule.stop("the fleet was interrupted")
                    self._interrupt(interrupted.signal_number)
                    raise
                finally:
                    self.results.stopped = schedule.stopped
        finally:
            self._processes.close()

    def _look(self, run_id: str) -> list[Wave]:
        """Return the waves of the targets that have to be run."""
        looking = Stopwatch(SystemClock())
        targets = self._plan.targets
        sights = look_at(targets, self._settings, self._image, run_id)
        refuse_same_place(targets, sights)
        done = {name for name, sight in sights.items() if self._image.is_done(sight.table)}
        for name in done:
            heads = self._image.heads
            self.results.add(Result(name, UP_TO_DATE, 0, (), heads, heads))
        unreachable = {name for name, sight in sights.items() if sight.table is None}
        logs.get_logger().info(
            events.TARGETS_SEEN,
            targets=len(targets),
            up_to_date=len(done),
            to_run=len(targets) - len(done),
            unreachable=len(unreachable),
            duration_seconds=round(looking.elapsed(), 3),
            **({} if self._image.is_declared else {"undeclared": True}),
        )
        waves = []
        for wave in self._plan.waves:
            left = [target for target in wave.targets if target.name not in done]
            # By themselves: they would keep those waiting that can be reached.
            for late in (False, True):
                part = [target for target in left if (target.name in unreachable) is late]
                if part:
                    waves.append(Wave(wave.name, part, wave.parallel, wave.stops))
        return waves

    def _work(self, schedule: Schedule) -> None:
        wave = ""
        while not schedule.over:
            while (target := schedule.next()) is not None:
                if schedule.wave != wave and len(self._plan.waves) > 1:
                    wave = schedule.wave
                    logs.get_logger().info(events.WAVE_STARTED, wave=wave)
                self.results.begin(target.name)
                self._attempts[target.name] = self._attempts.get(target.name, 0) + 1
                self._processes.start(target, self._arguments(target), self._environment(target))
            for process in self._processes.wait(_TICK_SECONDS):
                self._end(process, schedule)
            signals.check()

    def _end(self, process: Process, schedule: Schedule) -> None:
        target = process.target
        lost = process.finished is None or process.finished["outcome"] == INTERRUPTED
        if lost and not schedule.stopped and self._attempts[target.name] < _ATTEMPTS:
            logs.get_logger().warning(
                events.TARGET_RETRIED, target=target.name, detail=_describe_loss(process)
            )
            schedule.again(target)
            return
        result = self._result(process)
        self._report(result)
        if result.exit_code == DatabaseUnavailable.exit_code:
            self._down.add(self._server_of(target))
        else:
            self._down.discard(self._server_of(target))
        before = schedule.stopped
        schedule.ended(target, failed=result.outcome == FAILED)
        if schedule.stopped != before:
            logs.get_logger().warning(events.FLEET_STOPPED, reason=schedule.stopped)

    def _interrupt(self, number: int) -> None:
        """End the runs as a single run ends, and record how; the second signal ends the process."""
        self._processes.signal(number)
        while self._processes.running:
            for process in self._processes.wait(_TICK_SECONDS):
                self._report(self._result(process, interrupted=True))

    def _result(self, process: Process, *, interrupted: bool = False) -> Result:
        name, facts = process.target.name, process.finished
        if facts is None:
            summary = f"{_describe_loss(process)} What it did is in its ledger."
            return self._failed(name, TemporaryFailure.exit_code, "killed", summary)
        common: dict[str, Any] = {
            "applied": [each["revision"] for each in facts.get("applied", ())],
            "from_revisions": facts.get("from_revisions"),
            "to_revisions": facts.get("to_revisions"),
            "seconds": facts.get("duration_seconds"),
        }
        summary, outcome = str(facts.get("summary", "")), str(facts["outcome"])
        if outcome in (FAILED, INTERRUPTED):
            error = facts.get("error") or {}
            reason = str(error.get("reason") or error.get("kind") or "")
            if not interrupted:
                # By somebody else, and again.
                outcome = FAILED
            return self._failed(name, facts["exit_code"], reason, summary, outcome, **common)
        return Result(name, outcome, summary=summary, **common)

    def _failed(
        self, name: str, code: int, reason: str, summary: str, outcome: str = FAILED, **common: Any
    ) -> Result:
        command = shlex.join([*self._plan.alone, "--only", name])
        return Result(
            name, outcome, code, summary=summary, reason=reason, command=command, **common
        )

    def _report(self, result: Result) -> None:
        self.results.add(result)
        log = logs.get_logger()
        say = log.error if result.outcome == FAILED else log.info
        facts = {**result.facts(), "applied": len(result.applied)}
        say(events.TARGET_FINISHED, **facts)

    def _log(self, target: Target, facts: Facts) -> None:
        """Pass on a line of a target's log: what is slow, warnings, and the others at debug.

        A failure is said once, in `target_finished`.
        """
        level, event = facts.pop("level", ""), str(facts.pop("event"))
        facts.pop("timestamp", None)
        facts["target"], facts["target_run_id"] = target.name, facts.pop("run_id", None)
        log = logs.get_logger()
        say = log.info if event in _SLOW else log.debug
        if level == "warning" and event != events.DATABASE_UNAVAILABLE:
            say = log.warning
        say(event, **{name: each for name, each in facts.items() if name != "exc_info"})

    def _arguments(self, target: Target) -> list[str]:
        words = ["upgrade", *self._settings.alembic.words()]
        return words + [word for each in target.x for word in ("-x", each)]

    def _environment(self, target: Target) -> Mapping[str, str | None]:
        environment: dict[str, str | None] = {
            variable.name: str(self._flags[variable.field])
            for variable in VARIABLES
            if variable.field in self._flags
        }
        debug = self._settings.log_level == "debug"
        environment |= {
            "MIGRATE_LOG_FORMAT": "json",
            "MIGRATE_LOG_LEVEL": "debug" if debug else "info",
            # The fleet's own.
            "MIGRATE_TERMINATION_LOG": "/dev/null",
        }
        if target.url:
            environment |= dict.fromkeys(_OTHER_ADDRESSES)
            environment |= {"DATABASE_URL": target.url, "MIGRATE_ON_OTHER_DATABASE": "fail"}
        if target.sets_search_path:
            environment["MIGRATE_SEARCH_PATH"] = target.schema
        if self._server_of(target) in self._down:
            # One target has waited for it.
            environment["MIGRATE_WAIT_TIMEOUT"] = "0"
        return environment

    def _server_of(self, target: Target) -> str:
        return server_of(target.address or self._settings.database)


def _describe_loss(process: Process) -> str:
    if process.finished is not None:
        return "The run was ended by a signal that is not the fleet's."
    number = process.signal
    if number is not None:
        return f"The run's process was killed by signal {number} (9: perhaps out of memory)."
    return "The run's process ended without a result, perhaps with its worker."
