"""What became of each target, in all: for the last line, for `--json`, and for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from migration_runner.errors import MigrationError, TemporaryFailure
from migration_runner.log.bounds import shorten_bytes
from migration_runner.log.counts import count_of
from migration_runner.log.plain_text import plain_text
from migration_runner.log.redaction import redact

APPLIED: Final = "applied"
UP_TO_DATE: Final = "up_to_date"
AHEAD: Final = "ahead"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
NOT_STARTED: Final = "not_started"
# In the order in which they are said.
OUTCOMES: Final = (APPLIED, UP_TO_DATE, AHEAD, FAILED, INTERRUPTED, NOT_STARTED)
# Of several, the fleet ends with the first: those that another try does not help come before those
# that it does.
WORST_FIRST: Final = (70, 78, 65, 77, 1, 75, 69)
# Which another try can help.
_TEMPORARY: Final = (69, 75)
_MOST_NAMES: Final = 5
_MOST_FAILURES: Final = 20
_SLOWEST: Final = 5
# They fit into a line, even if JSON writes each character as two.
_SUMMARIES_BYTES: Final = 6000

Facts = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The result of one target: that of its run, or of the look, or that it was not started."""

    target: str
    outcome: str
    exit_code: int = 0
    applied: Sequence[str] = ()
    from_revisions: Sequence[str] | None = None
    to_revisions: Sequence[str] | None = None
    seconds: float | None = None
    summary: str = ""
    reason: str = ""
    # What runs it alone.
    command: str = ""

    def facts(self) -> Facts:
        """Return the result for machines, without what is not known."""
        known: Facts = {
            "target": self.target,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "applied": list(self.applied),
            "from_revisions": self.from_revisions,
            "to_revisions": self.to_revisions,
            "duration_seconds": self.seconds,
            "summary": self.summary,
            "reason": self.reason,
            "command": self.command,
        }
        return {name: value for name, value in known.items() if value not in (None, "")}


class FleetFailed(MigrationError):
    """Some targets failed; the exit code is the worst of theirs."""

    def __init__(self, message: str, exit_code: int, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.exit_code = exit_code


class Results:
    """The results of all targets, whose names are in the order of the list."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = targets
        self._results: dict[str, Result] = {}
        self._begun: set[str] = set()
        # Why no more targets were started, if that was so.
        self.stopped = ""

    def begin(self, name: str) -> None:
        """Record that a target's run is started: without a result, it was interrupted."""
        self._begun.add(name)

    def add(self, result: Result) -> None:
        """Record a result."""
        self._results[result.target] = result

    def all(self) -> list[Result]:
        """Return the result of every target: of one without any, whether it was started."""
        missing = {
            name: Result(name, INTERRUPTED if name in self._begun else NOT_STARTED)
            for name in self._targets
        }
        return list((missing | self._results).values())

    @property
    def failed(self) -> list[Result]:
        """The results of the targets that failed, in the order of the list."""
        return [each for each in self.all() if each.outcome == FAILED]

    def count(self) -> dict[str, int]:
        """Return the number of targets with each outcome that there is."""
        counts = Counter(each.outcome for each in self.all())
        others = sorted(counts.keys() - {*OUTCOMES})
        return {name: counts[name] for name in (*OUTCOMES, *others) if counts[name]}

    def slowest(self) -> list[Result]:
        """Return those that took longest, the slowest first."""
        timed = [each for each in list(self._results.values()) if each.seconds is not None]
        return sorted(timed, key=lambda each: each.seconds or 0.0, reverse=True)[:_SLOWEST]

    def facts(self) -> Facts:
        """Return what the last line says: numbers, and the first failures."""
        failed = self.failed
        most = _SUMMARIES_BYTES // min(len(failed) or 1, _MOST_FAILURES)
        return {
            "targets": len(self._targets),
            "outcomes": self.count(),
            "failed": [
                {
                    "target": each.target,
                    "exit_code": each.exit_code,
                    "reason": each.reason,
                    "summary": shorten_bytes(plain_text(redact(each.summary)), most),
                }
                for each in failed[:_MOST_FAILURES]
            ],
            "slowest": [
                {"target": each.target, "duration_seconds": each.seconds} for each in self.slowest()
            ],
            **({"stopped": self.stopped} if self.stopped else {}),
        }

    def sentence(self) -> str:
        """Say what became of the targets, which failed, and what is left."""
        counts = self.count()
        said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        text = f"{count_of(len(self._targets), 'target')}: {said or 'nothing to do'}."
        if failed := self.failed:
            names = ", ".join(each.target for each in failed[:_MOST_NAMES])
            more = len(failed) - _MOST_NAMES
            text += f" Failed: {names}{f' and {more} more' if more > 0 else ''}."
        if self.stopped and counts.get(NOT_STARTED):
            text += f" The others were not started, since {self.stopped}."
        if any(each.exit_code not in _TEMPORARY for each in failed):
            text += " Fix what failed, then run again."
        elif counts.get(NOT_STARTED) or counts.get(INTERRUPTED) or failed:
            text += " Run again for what is left."
        return text

    def error(self) -> FleetFailed | None:
        """Return the error of a fleet of which targets failed; None if none did."""
        codes = {each.exit_code for each in self.failed}
        if not codes:
            return None
        ordered = [code for code in WORST_FIRST if code in codes]
        code = ordered[0] if ordered else TemporaryFailure.exit_code
        return FleetFailed(self.sentence(), code, reason="targets_failed")
