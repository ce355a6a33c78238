"""The result of `migrate verify`, and the error that it ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from migration_runner.errors import HazardFound, HistoryError, MigrationError, SchemaDrift
from migration_runner.log.counts import count_of
from migration_runner.workshop.checks import CHECKS, Group, Level
from migration_runner.workshop.finding import Finding

_ERRORS: Final[dict[Group, tuple[type[MigrationError], str]]] = {
    Group.HISTORY: (HistoryError, "in the history"),
    Group.MODELS: (SchemaDrift, "between models and history"),
    Group.HAZARD: (HazardFound, "about hazards"),
}


def level_of(finding: Finding) -> Level:
    """Return how bad a finding is."""
    return CHECKS[finding.check].level


@dataclass(frozen=True)
class VerifyResult:
    """What was found in the `revisions` that were checked, of `all_revisions`.

    `server` describes where they ran; `squawk` says why it could not be asked, if so. `notes` are
    sentences about what else was not checked, or differs from the target. `configuration` stands
    for the place of what has no file.
    """

    findings: Sequence[Finding]
    revisions: int
    all_revisions: int
    server: str = ""
    notes: Sequence[str] = ()
    squawk: str = ""
    configuration: Path = Path("alembic.ini")

    @cached_property
    def open(self) -> list[Finding]:
        """The findings that are not waived, worst first."""
        return sorted((each for each in self.findings if not each.waived), key=_order)

    @cached_property
    def waived(self) -> list[Finding]:
        """The findings that are waived."""
        return sorted((each for each in self.findings if each.waived), key=_order)

    @property
    def remarks(self) -> list[str]:
        """What people should know of the check itself, as sentences."""
        server = f"Checked on {self.server}." if self.server else ""
        squawk = f"Not checked by squawk's rules: {self.squawk.rstrip('.')}." if self.squawk else ""
        return [each for each in (server, *self.notes, squawk) if each]

    @property
    def counts(self) -> dict[Level, int]:
        """How many findings of each level there are, the waived ones left out; worst first."""
        found = Counter(map(level_of, self.open))
        return {level: found[level] for level in sorted(Level, reverse=True)}

    @property
    def summary(self) -> str:
        """One sentence."""
        checked = count_of(self.all_revisions, "revision")
        if not self.revisions:
            checked = f"a history of {checked}"
        elif self.revisions != self.all_revisions:
            checked = f"{self.revisions} of {checked}"
        waived = f"; {len(self.waived)} waived" if self.waived else ""
        if not self.open:
            return f"No finding in {checked}{waived}."
        levels = ", ".join(
            count_of(count, level.name.lower()) for level, count in self.counts.items() if count
        )
        return f"{count_of(len(self.open), 'finding')} in {checked} ({levels}){waived}."


def _order(finding: Finding) -> tuple[int, str, int, str]:
    return -level_of(finding), str(finding.file or ""), finding.line or 0, finding.check


def verdict(result: VerifyResult, fail_on: Level | None) -> MigrationError | None:
    """Return the error that the command ends with; None if nothing is left to be corrected.

    The history comes first, then the models, then the hazards: these count from `fail_on` on.
    Notes about the history or the models are no errors.
    """
    for group, (kind, where) in _ERRORS.items():
        least = fail_on if group is Group.HAZARD else Level.WARNING
        counted = [
            each
            for each in result.open
            if CHECKS[each.check].group is group and least is not None and level_of(each) >= least
        ]
        if counted:
            message = f"{count_of(len(counted), 'finding')} {where}: {_name_first(counted)}"
            checks = list(dict.fromkeys(each.check for each in counted))
            return kind(message, reason="verify", findings=len(counted), checks=checks)
    return None


def _name_first(findings: Sequence[Finding]) -> str:
    first, *others = findings
    place = f" ({first.check}, {first.file})" if first.file else f" ({first.check})"
    more = f" And {len(others)} more." if others else ""
    advice = f" {first.advice}" if first.advice else ""
    return f"{first.message.rstrip('.')}{place}.{advice}{more}"
