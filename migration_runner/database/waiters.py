"""The sessions that wait behind a revision, from `pg_locks`, which every role may read.

`pg_blocking_pids` needs the waiting sessions' wait events, which a plain role does not see of other
roles' sessions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
_MODES: Final = (
    "AccessShare",
    "RowShare",
    "RowExclusive",
    "ShareUpdateExclusive",
    "Share",
    "ShareRowExclusive",
    "Exclusive",
    "AccessExclusive",
)
_CONFLICTS: Final = ("8", "78", "5678", "45678", "34678", "345678", "2345678", "12345678")
_CONFLICTING: Final = json.dumps(
    {
        f"{mode}Lock": [f"{_MODES[int(other) - 1]}Lock" for other in others]
        for mode, others in zip(_MODES, _CONFLICTS, strict=True)
    }
)
_WHAT: Final = (
    "locktype, {0}.database, {0}.relation, {0}.page, {0}.tuple, {0}.virtualxid,"
    " {0}.transactionid, {0}.classid, {0}.objid, {0}.objsubid"
)
# Of the session `w`. It blocks who wants what it has, or has asked for earlier: the queue is fair.
# An index stands for its table. Who waits for a row waits for the transaction that has changed it,
# and holds a lock on the row meanwhile. `waitstart` exists since PostgreSQL 14.
WAITERS_QUERY: Final = f"""\
WITH locks AS MATERIALIZED (
    SELECT l.*, CASE WHEN NOT l.granted THEN
        (to_jsonb(l) ->> 'waitstart')::pg_catalog.timestamptz END AS since
    FROM pg_catalog.pg_locks l),
behind AS (
    SELECT theirs.pid, theirs.since, coalesce(theirs.relation, (
        SELECT r.relation FROM locks r
        WHERE r.pid = theirs.pid AND r.locktype = 'tuple' LIMIT 1)) AS relation
    FROM locks ours JOIN locks theirs
        ON (ours.{_WHAT.format("ours")})
        IS NOT DISTINCT FROM (theirs.{_WHAT.format("theirs")})
    WHERE ours.pid = w.pid AND theirs.pid <> w.pid AND NOT theirs.granted
        AND (ours.granted OR ours.since < theirs.since)
        AND '{_CONFLICTING}'::pg_catalog.jsonb -> ours.mode ? theirs.mode)
SELECT json_build_object(
    'pids', json_agg(DISTINCT pid),
    'seconds', extract(epoch FROM clock_timestamp() - min(since)),
    'tables', (
        SELECT json_agg(DISTINCT coalesce(i.indrelid, b.relation)::pg_catalog.regclass::text)
        FROM behind b LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = b.relation
        WHERE b.relation IS NOT NULL))
FROM behind HAVING count(*) > 0"""  # noqa: S608 - our own constants


@dataclass(frozen=True)
class Waiters:
    """The sessions that wait for what a revision has locked, or for what it waits for itself.

    `own`: one of them belongs to this process, which then waits for itself.
    """

    count: int
    longest_seconds: float | None
    tables: Sequence[str]
    own: bool

    @classmethod
    def from_row(cls, row: dict[str, Any], own_pids: Collection[int]) -> Waiters:
        """Create one from the server's answer; `own_pids` are this process's other sessions."""
        seconds = row["seconds"]
        return cls(
            len(row["pids"]),
            None if seconds is None else round(seconds, 1),
            row["tables"] or [],
            own=not {*row["pids"]}.isdisjoint(own_pids),
        )
