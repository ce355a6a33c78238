"""The server's own words on what ALTER TABLE and CREATE INDEX do, from messages of level DEBUG1.

They are not translated, and the same on empty tables. `src/backend/commands/tablecmds.c` and
`src/backend/catalog/index.c` of PostgreSQL have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_NAME: Final = r'"(?P<name>.+?)"'
_REWRITES: Final = re.compile(rf"rewriting table {_NAME}$")
_VERIFIES: Final = re.compile(rf"verifying table {_NAME}$")
_VALIDATES: Final = re.compile(rf"validating foreign key constraint {_NAME}$")
_INDEXES: Final = re.compile(r'building index "(?P<index>.+?)" on table "(?P<name>.+?)" ')
_PROVES: Final = re.compile(r"are sufficient to prove|is implied by existing constraints")


@dataclass(frozen=True)
class Reasons:
    """What the server said that it does: names of tables, without their schema.

    `validated` has names of foreign keys; `texts` every message that was understood.
    """

    rewritten: frozenset[str]
    verified: frozenset[str]
    validated: frozenset[str]
    indexed: frozenset[str]
    texts: tuple[str, ...]


def read_reasons(messages: Iterable[str]) -> Reasons:
    """Find the server's reasons among all that it has said."""
    # psycopg2 puts the level in front.
    lines = [re.sub(r"^DEBUG\d?:\s+", "", message.strip()) for message in messages]
    # A table's own storage for long values.
    lines = [line for line in lines if '"pg_toast' not in line]
    known = (_REWRITES, _VERIFIES, _VALIDATES, _INDEXES, _PROVES)
    texts = (line for line in lines if any(pattern.search(line) for pattern in known))
    return Reasons(
        _names(_REWRITES, lines),
        _names(_VERIFIES, lines),
        _names(_VALIDATES, lines),
        _names(_INDEXES, lines),
        tuple(dict.fromkeys(texts)),
    )


def _names(pattern: re.Pattern[str], lines: Iterable[str]) -> frozenset[str]:
    found = (pattern.search(line) for line in lines)
    return frozenset(match["name"] for match in found if match)
