"""Statements that no transaction can contain: what they do is known, not observed.

Their locks are gone before anything can look at them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from migration_runner.database.sql_text import QUALIFIED
from migration_runner.workshop.hazards.sql_kinds import pieces_of, plain_name

_OPTIONS: Final = r"(?:\s*\([^)]*\))?"
_TABLE: Final = rf"(?P<table>{QUALIFIED})"


@dataclass(frozen=True)
class Known:
    """What a statement does, and the lock that it holds meanwhile.

    `table` is "" if there is no name, or it is an index's. The modes below SHARE block neither
    reads nor writes.
    """

    table: str
    mode: str
    rewrites: bool = False
    reindexes: bool = False


_WEAK: Final = Known("", "SHARE UPDATE EXCLUSIVE")
_REWRITES: Final = Known("", "ACCESS EXCLUSIVE", rewrites=True)
_REINDEXES: Final = Known("", "ACCESS EXCLUSIVE", reindexes=True)
# https://www.postgresql.org/docs/current/explicit-locking.html; the first that matches.
_RULES: Final = (
    (rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b.*?\bON\s+(?:ONLY\s+)?{_TABLE}", _WEAK),
    (r"DROP\s+INDEX\s+CONCURRENTLY\b", _WEAK),
    (rf"REINDEX{_OPTIONS}\s+TABLE\s+CONCURRENTLY\s+{_TABLE}", _WEAK),
    (r"REINDEX\b.*\bCONCURRENTLY\b", _WEAK),
    (rf"ALTER\s+TABLE\s+{_TABLE}\s+DETACH\s+PARTITION\s+.*\bCONCURRENTLY\b", _WEAK),
    (rf"VACUUM\s+FULL\b(?:\s+(?:FREEZE|VERBOSE|ANALYZE)\b)*\s*{_TABLE}?", _REWRITES),
    (rf"VACUUM\s*\([^)]*\bFULL\b(?!\s+(?:OFF|FALSE|0))[^)]*\)\s*{_TABLE}?", _REWRITES),
    (r"VACUUM\b", _WEAK),
    (rf"CLUSTER{_OPTIONS}(?:\s+VERBOSE)?\s*{_TABLE}?", _REWRITES),
    (r"REINDEX\b", _REINDEXES),
)
# What does the same in a transaction, and a block, which does unless it ends one.
_WRAPPED: Final = re.compile(
    r"(?i)(?:ALTER\s+(?:TABLE|DOMAIN|INDEX|VIEW)|CREATE\s+(?:UNIQUE\s+)?INDEX"
    r"|CREATE\s+(?:CONSTRAINT\s+)?TRIGGER|CREATE\s+(?:MATERIALIZED\s+VIEW|TABLE)"
    r"|DROP\s+(?:TABLE|INDEX|VIEW|TRIGGER)|TRUNCATE|UPDATE|DELETE|INSERT|REFRESH|LOCK|COMMENT)\b"
)
_BLOCK: Final = re.compile(r"(?i)DO\b")
_ENDS: Final = re.compile(r"(?i)\b(?:COMMIT|ROLLBACK|CALL)\b")


def known(sql: str) -> Known | None:
    """Return what a statement in autocommit does; None for others."""
    for piece in pieces_of(sql):
        for pattern, found in _RULES:
            if match := re.match(pattern, piece, re.IGNORECASE | re.DOTALL):
                name = match.groupdict().get("table")
                return replace(found, table=plain_name(name)) if name else found
    return None


def may_be_wrapped(sql: str) -> bool:
    """Whether a statement in autocommit does the same in a transaction of its own.

    There, it can be observed. Procedures, and blocks with such words, may commit.
    """
    pieces = pieces_of(sql)
    if len(pieces) != 1 or known(sql):
        return False
    if _BLOCK.match(pieces[0]):
        return _ENDS.search(sql) is None
    return _WRAPPED.match(pieces[0]) is not None
