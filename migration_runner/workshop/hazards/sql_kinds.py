"""What can be read from a statement's text, where nothing is to be observed.

That is: how many rows an UPDATE concerns, since the tables here are empty; and statements that no
transaction can contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from migration_runner.database.sql_text import LEXEME, NAME, QUALIFIED, without_data

_ALIAS: Final = rf"(?:\s+(?:AS\s+)?(?!SET\b|USING\b|WHERE\b|RETURNING\b){NAME})?"
_WRITE: Final = re.compile(
    rf"(?is)\bUPDATE\s+(?:ONLY\s+)?(?!SET\b)(?P<updated>{QUALIFIED})\s*\*?{_ALIAS}\s+SET\b"
    rf"|\bDELETE\s+FROM\s+(?:ONLY\s+)?(?P<deleted>{QUALIFIED})"
)
# The others end at the first row, or are answered by an index.
_READ: Final = re.compile(
    r"(?is)\bSELECT\s+(?!(?:max|min|exists)\s*\(|1\b|true\b|null\b).*?"
    rf"\bFROM\s+(?:ONLY\s+)?(?P<read>{QUALIFIED})"
)
_COPIES: Final = re.compile(r"(?i)\b(?:INSERT|MERGE|CREATE)\b")
_USES_ROWS: Final = re.compile(
    r"(?i)\s*(?:UPDATE|DELETE|WITH|INSERT|MERGE|SELECT"
    r"|CREATE\s+(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED)\s+)*(?:TABLE|MATERIALIZED\s+VIEW))\b"
)
_WRITES: Final = re.compile(r"(?i)\s*(?:UPDATE|DELETE)\b")
_DO: Final = re.compile(r"(?i)\s*DO\b")
# A comparison with a value: it is assumed that it was chosen with care.
_BOUND: Final = re.compile(
    r"(?is)(?:(?<![<>!])=|<=|>=|<(?!>)|(?<!<)>|\bI?LIKE\b|\bBETWEEN\b|\bIN\b|~|@>)"
    r"\s*\(*\s*(?:\w+\s*\(?\s*)?(?:'|[-+]?\d|ARRAY\b|ANY\b|true\b|false\b|CURRENT_|now\(\))"
    r"|\bLIMIT\b|\bCURRENT\s+OF\b"
)
_ENDS: Final = re.compile(r"(?i)\bCOMMIT\b")
_LOOP: Final = re.compile(r"(?i)\bLOOP\b")
_TRUNCATES: Final = re.compile(r"(?i)\bTRUNCATE\b")
_DEFINES: Final = re.compile(r"(?i)\s*(?:ALTER|CREATE|REFRESH|CLUSTER|REINDEX|DROP)\b")
_CONTROL: Final = re.compile(
    r"(?i)\s*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION|SET"
    r"|RESET|SHOW|DISCARD|LISTEN|DECLARE|FETCH|CLOSE|DEALLOCATE)\b|\s*$"
)


@dataclass(frozen=True)
class RowsUsed:
    """Names of tables, as they stand in the statement, whose rows it may all concern."""

    written: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


def rows_used(sql: str) -> RowsUsed:
    """Return the tables that a statement writes, copies or reads without a bound.

    A block that commits does so in pieces.
    """
    written: list[str] = []
    copied: list[str] = []
    read: list[str] = []
    for piece, looping in _pieces(sql):
        written += (
            plain_name(match["updated"] or match["deleted"])
            for match in _WRITE.finditer(piece)
            if looping or not _bounded(piece, match.end())
        )
        if not _WRITES.match(piece):
            (copied if _COPIES.search(piece) else read).extend(
                plain_name(match["read"])
                for match in _READ.finditer(piece)
                if not _bounded(piece, match.end())
            )
    return RowsUsed(*(tuple(dict.fromkeys(names)) for names in (written, copied, read)))


def controls(sql: str) -> bool:
    """Whether a statement is about the session or a transaction, and touches no table."""
    return _CONTROL.match(without_data(sql)) is not None


def truncates(sql: str) -> bool:
    """Whether TRUNCATE is in a statement, or in its block."""
    return any(_TRUNCATES.search(text) for text in (without_data(sql), *_bodies(sql)))


def defines(sql: str) -> bool:
    """Whether a statement is DDL: what it scans, it scans as a whole."""
    return _DEFINES.match(without_data(sql)) is not None


def plain_name(name: str) -> str:
    """Return a name as the catalog has it: in lower case, unless it is quoted."""
    parts = re.findall(NAME, name)
    return ".".join(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in parts
    )


def pieces_of(sql: str) -> list[str]:
    """Return the statements of a script, without comments and data."""
    return [piece.strip() for piece in without_data(sql).split(";") if piece.strip()]


def _pieces(sql: str) -> Iterator[tuple[str, bool]]:
    """Yield each statement, and whether it is in a loop of a transaction's."""
    for body in _bodies(sql):
        if not _ENDS.search(body):
            looping = _LOOP.search(body) is not None
            yield from ((piece, looping) for piece in body.split(";"))
    for piece in pieces_of(sql):
        if _USES_ROWS.match(piece):
            yield piece, False


def _bodies(sql: str) -> Iterator[str]:
    """Yield what DO blocks execute, without comments and data."""
    if not any(_DO.match(piece) for piece in pieces_of(sql)):
        return
    for token in re.finditer(LEXEME, sql):
        if token["literal"]:
            tag = token["tag"]
            text = token[0].strip("'") if tag is None else token[0][len(tag) + 2 : -len(tag) - 2]
            yield without_data(text)


def _bounded(piece: str, start: int) -> bool:
    """Whether a condition compares with a value: the first WHERE outside of parentheses."""
    depth = 0
    for match in re.finditer(r"(?i)[()]|\bWHERE\b|\bLIMIT\b", piece[start:]):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and match[0].upper() == "LIMIT":
            return True
        elif depth == 0:
            return _BOUND.search(piece, start + match.end()) is not None
    return False
