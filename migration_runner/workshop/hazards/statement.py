"""A statement of a revision, as it ran, and what the server was seen to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

# Weakest first: https://www.postgresql.org/docs/current/explicit-locking.html
MODES: Final = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
BLOCKS_WRITES: Final = frozenset(MODES[MODES.index("SHARE") :])
BLOCKS_READS: Final = "ACCESS EXCLUSIVE"


@dataclass(frozen=True)
class Lock:
    """A lock that was held while the statement ran, on a table that was there before.

    `index`: it is on this index of the table only. `line`: of the earlier statement of the same
    transaction that took it; None if it is this statement's own.
    """

    table: str
    mode: str
    index: str = ""
    line: int | None = None


class ChangeKind(enum.Enum):
    """How a relation is another one afterwards, for a release that knows it as it was."""

    DROPPED = "dropped"
    VIEW_DROPPED = "view dropped"
    RENAMED = "renamed"
    EMPTIED = "emptied"
    COLUMN_DROPPED = "column dropped"
    COLUMN_RENAMED = "column renamed"
    COLUMN_ADDED = "required column added"
    DEFAULT_DROPPED = "default of a required column dropped"
    # Between timestamp and timestamptz, unnoticed only because the session's time zone is UTC.
    COLUMN_RETIMED = "column retimed"


@dataclass(frozen=True)
class Change:
    """A change of a relation that was there before; `new` is a new name.

    `replaced`: at the end of the revision something else has the old name, as a view can.
    """

    kind: ChangeKind
    relation: str
    column: str = ""
    new: str = ""
    replaced: bool = False

    @property
    def name(self) -> str:
        """The name of what was changed."""
        return f"{self.relation}.{self.column}" if self.column else self.relation


@dataclass(frozen=True)
class Seen:
    """What was seen of one statement: tables by name, all of them older than the revision.

    `reasons` are the server's own words. `written`: an UPDATE or DELETE in the statement can
    concern all rows of these tables; `copied`, `read`: an INSERT or a SELECT.
    """

    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()
    reindexed: tuple[str, ...] = ()
    foreign_keys: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A statement, with its values, where it stands, and what it did.

    `error` is the SQLSTATE if it failed. `rows` is -1 where the driver does not know.
    """

    revision: str
    file: str
    line: int
    sql: str
    transactional: bool = True
    rows: int = -1
    error: str = ""
    seen: Seen = field(default_factory=Seen)
