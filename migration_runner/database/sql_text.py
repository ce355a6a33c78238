"""SQL as text: shortened for display without its data, and classified by its locks.

The statements of `DDL_WITHOUT_QUEUE` take SHARE UPDATE EXCLUSIVE locks, which block neither reads
nor writes (https://www.postgresql.org/docs/current/explicit-locking.html), and have to wait for
every older transaction. A `lock_timeout` would only cancel them half-way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from migration_runner.log.redaction import redact_line

_LONGEST_QUERY: Final = 200
# Patterns are compiled when needed: most runs need none.
# A literal may be truncated: the server keeps the first `track_activity_query_size` bytes. Whether
# \' ends a plain one depends on `standard_conforming_strings`, and a pattern cannot find the end of
# a nested comment: in both cases the rest is left out.
LEXEME: Final = r"""(?xs)
    (?P<literal>
        [eE]'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)
        |'(?:[^'\\]|''|\\[^'])*(?:'|\\'.*|\\?\Z)
        |\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    )
    |(?P<comment>--[^\n\r]*|/\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/|/\*.*)
    |"(?:[^"]|"")*(?:"|\Z)
    |[^\W\d][\w$]*
"""

NAME: Final = r'(?:"(?:[^"]|"")+"|[\w$]+)'
QUALIFIED: Final = rf"{NAME}(?:\s*\.\s*{NAME})*"
_ALTER_TABLE: Final = rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{QUALIFIED}\s*\*?\s+"
DDL_WITHOUT_QUEUE: Final = (
    r"(?i)CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b"
    r"|DROP\s+INDEX\s+CONCURRENTLY\b"
    r"|REINDEX\s+(?:\([^)]*\)\s*)?(?:INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)\s+CONCURRENTLY\b"
    r"|REINDEX\s*\([^)]*\bCONCURRENTLY\b(?!\s+'?(?:OFF|FALSE|0)\b)[^)]*\)"
    rf"|{_ALTER_TABLE}VALIDATE\s+CONSTRAINT\s+{NAME}\s*$"
    rf"|{_ALTER_TABLE}DETACH\s+PARTITION\s+{QUALIFIED}\s+CONCURRENTLY\s*$"
)
_END_IN_SCRIPT: Final = (
    r"(?i)(?:^|;)\s*(?:COMMIT|ABORT|ROLLBACK(?!\s+(?:WORK\s+|TRANSACTION\s+)?TO\b))\b"
)
_CREATE_INDEX: Final = (
    r"(?i)CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<index>{NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>{QUALIFIED})"
)


@dataclass(frozen=True)
class ConcurrentIndex:
    """The names in a `CREATE INDEX CONCURRENTLY`, as SQL: quoted names are still quoted."""

    index: str
    table: str


def shorten_query(query: str) -> str:
    """Return a query in one line, without its literals, which may be private, and truncated."""
    text = " ".join(redact_line(without_data(query)).split())
    return text if len(text) <= _LONGEST_QUERY else text[: _LONGEST_QUERY - 1] + "…"


def waits_without_queue(statement: str) -> bool:
    """Whether a statement may wait for locks indefinitely: no other statements queue behind it."""
    if not _contains(statement, "CONCURRENTLY", "VALIDATE"):
        return False
    return re.match(DDL_WITHOUT_QUEUE, _bare(statement)) is not None


def concurrent_index(statement: str) -> ConcurrentIndex | None:
    """Return the names in a `CREATE INDEX CONCURRENTLY`; None for other statements."""
    if not _contains(statement, "CONCURRENTLY"):
        return None
    match = re.match(_CREATE_INDEX, _bare(statement))
    return match and ConcurrentIndex(match["index"], match["table"])


def ends_transaction(statement: str) -> bool:
    """Whether a script has a COMMIT or ROLLBACK of its own, outside of a function's body."""
    if not _contains(statement, "COMMIT", "ROLLBACK", "ABORT"):
        return False
    return re.search(_END_IN_SCRIPT, without_data(statement)) is not None


def without_data(statement: str) -> str:
    """Return a statement without its comments, and with an ellipsis for what is in a literal."""
    return re.sub(LEXEME, _without_data, statement)


def _contains(statement: str, *words: str) -> bool:
    """Whether a statement contains one of `words`: most do not, and need no parsing."""
    upper = statement.upper()
    return any(word in upper for word in words)


def _bare(statement: str) -> str:
    return re.sub(LEXEME, _without_comment, statement).strip().rstrip(";").rstrip()


def _without_comment(token: re.Match[str]) -> str:
    return " " if token["comment"] else token[0]


def _without_data(token: re.Match[str]) -> str:
    return "'…'" if token["literal"] else _without_comment(token)
