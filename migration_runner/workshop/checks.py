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
    # Hazards, observed.
    Check("table-rewrite", Group.HAZARD, Level.ERROR, "Rewrites a table; all access waits."),
    Check("scan-blocks-access", Group.HAZARD, Level.ERROR, "Reads a table; all access waits."),
    Check("index-build-blocks-access", Group.HAZARD, Level.ERROR, "Builds an index; all waits."),
    Check("write-under-lock", Group.HAZARD, Level.ERROR, "Changes a table; all access waits."),
    Check(
        "index-build-blocks-writes", Group.HAZARD, Level.WARNING, "Builds an index; writes wait."
    ),
    Check("foreign-key-scan", Group.HAZARD, Level.WARNING, "Checks a foreign key; writes wait."),
    Check("scan-blocks-writes", Group.HAZARD, Level.WARNING, "Reads a table; writes wait."),
    Check("whole-table-write", Group.HAZARD, Level.WARNING, "Changes a table in one transaction."),
    Check("time-zone-rewrite", Group.HAZARD, Level.WARNING, "Rewrites, depending on time zone."),
    Check("drops-table", Group.HAZARD, Level.ERROR, "Drops a table that may be in use."),
    Check("drops-view", Group.HAZARD, Level.ERROR, "Drops a view that may be in use."),
    Check("drops-column", Group.HAZARD, Level.ERROR, "Drops a column that may be in use."),
    Check("renames-table", Group.HAZARD, Level.ERROR, "Renames a table that may be in use."),
    Check("renames-column", Group.HAZARD, Level.ERROR, "Renames a column that may be in use."),
    Check("adds-required-column", Group.HAZARD, Level.ERROR, "Adds NOT NULL without a default."),
    Check("drops-default", Group.HAZARD, Level.ERROR, "Drops a default that INSERTs rely on."),
    Check("empties-table", Group.HAZARD, Level.WARNING, "Deletes all rows of a table."),
    Check("needs-autocommit", Group.HAZARD, Level.ERROR, "Cannot run in a transaction."),
    Check("enum-value-too-early", Group.HAZARD, Level.ERROR, "Uses an enum value too early."),
    Check("index-if-not-exists", Group.HAZARD, Level.WARNING, "Can leave an index invalid."),
    Check("short-lock", Group.HAZARD, Level.NOTE, "Takes a strong lock for a moment."),
    # Hazards, from squawk.
    Check("squawk-ban-drop-not-null", Group.HAZARD, Level.WARNING, "A column can be null."),
    Check("squawk-ban-drop-function", Group.HAZARD, Level.WARNING, "A function is dropped."),
    Check("squawk-ban-drop-type", Group.HAZARD, Level.WARNING, "A type is dropped."),
    Check("squawk-ban-drop-domain", Group.HAZARD, Level.WARNING, "A domain is dropped."),
    Check("squawk-ban-drop-schema", Group.HAZARD, Level.ERROR, "A schema is dropped."),
    Check("squawk-ban-drop-sequence", Group.HAZARD, Level.WARNING, "A sequence is dropped."),
    Check("squawk-ban-drop-extension", Group.HAZARD, Level.WARNING, "An extension is dropped."),
    Check(
        "squawk-ban-drop-generated-expression",
        Group.HAZARD,
        Level.WARNING,
        "A column is no longer generated.",
    ),
    Check("squawk-renaming-object", Group.HAZARD, Level.WARNING, "An object is renamed."),
    Check("squawk-ban-drop-database", Group.HAZARD, Level.ERROR, "A database is dropped."),
    Check("squawk-identifier-too-long", Group.HAZARD, Level.WARNING, "A name is cut off."),
)
# They are of the project, or of no revision that can be executed.
NEVER_WAIVED: Final = frozenset(
    {
        "several-heads",
        "broken-file",
        "broken-history",
        "head-file",
        "env",
        "models-differ",
        "waiver",
        "unused-waiver",
    }
)
