"""The checks of `migrate verify`, by their names: what each looks for, and how bad it is.

The names are stable: revisions waive checks by them. `docs/verify.md` has a section for each.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class Group(enum.Enum):
    """What a finding is about; the value is the exit code that it leads to."""

    MODELS = 4
    HAZARD = 5
    HISTORY = 65


class Level(enum.IntEnum):
    """How bad a finding is. The names are SARIF's."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Check:
    """`title` says what was found, as a sentence without its subject's name."""

    name: str
    group: Group
    level: Level
    title: str


def _by_name(*checks: Check) -> Mapping[str, Check]:
    return {check.name: check for check in checks}


CHECKS: Final = _by_name(
    # The history.
    Check("several-heads", Group.HISTORY, Level.ERROR, "The history has several heads."),
    Check("broken-file", Group.HISTORY, Level.ERROR, "A revision file cannot be imported."),
    Check("broken-history", Group.HISTORY, Level.ERROR, "The revisions do not form a history."),
    Check("long-id", Group.HISTORY, Level.ERROR, "An id does not fit the version table."),
    Check("head-file", Group.HISTORY, Level.ERROR, "head.txt does not name the head."),
    Check("env", Group.HISTORY, Level.ERROR, "env.py cannot be run."),
    Check("waiver", Group.HISTORY, Level.ERROR, "A waiver names no check, or has no reason."),
    Check("unused-waiver", Group.HISTORY, Level.NOTE, "A waiver waives nothing."),
    # Each revision alone.
    Check("upgrade-fails", Group.HISTORY, Level.ERROR, "A revision's upgrade fails."),
    Check("downgrade-fails", Group.HISTORY, Level.ERROR, "A revision's downgrade fails."),
    Check("second-upgrade-fails", Group.HISTORY, Level.ERROR, "It cannot be applied again."),
    Check("asymmetric", Group.HISTORY, Level.ERROR, "Its downgrade leaves another schema."),
    Check("unequal-upgrades", Group.HISTORY, Level.ERROR, "Applied again, it differs."),
    # Models against schema.
    Check("models-differ", Group.MODELS, Level.ERROR, "Models and history differ."),
)
# They are of the project, or of no revision that can be executed.
NEVER_WAIVED: Final = frozenset(
    {
        "several-heads",
        "broken-file",
        "broken-history",
        "head-file",
        "env",
        "waiver",
        "unused-waiver",
    }
)
