"""What the server knows about a session: one query, over another connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from migration_runner.database.blockers import Blocker
from migration_runner.database.first_answer import ask
from migration_runner.database.probe import Connection
from migration_runner.database.sql_text import shorten_query
from migration_runner.database.waiters import WAITERS_QUERY, Waiters

# Only the columns that count something in the present phase.
# https://www.postgresql.org/docs/current/progress-reporting.html
_PROGRESS: Final = """\
SELECT command, phase, blocks_done, blocks_total, tuples_done, tuples_total
FROM pg_catalog.pg_stat_progress_create_index WHERE pid = w.pid
UNION ALL SELECT command, phase,
    CASE phase WHEN 'seq scanning heap' THEN heap_blks_scanned END,
    CASE phase WHEN 'seq scanning heap' THEN heap_blks_total END,
    CASE phase WHEN 'index scanning heap' THEN heap_tuples_scanned
        WHEN 'writing new heap' THEN heap_tuples_written END,
    CASE phase WHEN 'writing new heap' THEN heap_tuples_scanned END
FROM pg_catalog.pg_stat_progress_cluster WHERE pid = w.pid
UNION ALL SELECT 'VACUUM', phase,
    CASE phase WHEN 'scanning heap' THEN heap_blks_scanned
        WHEN 'vacuuming heap' THEN heap_blks_vacuumed END,
    CASE WHEN phase IN ('scanning heap', 'vacuuming heap') THEN heap_blks_total END, NULL, NULL
FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = w.pid
UNION ALL SELECT 'ANALYZE', phase,
    CASE phase WHEN 'acquiring sample rows' THEN sample_blks_scanned END,
    CASE phase WHEN 'acquiring sample rows' THEN sample_blks_total END, NULL, NULL
FROM pg_catalog.pg_stat_progress_analyze WHERE pid = w.pid"""
_COPY_PROGRESS: Final = """
UNION ALL SELECT command, NULL, NULL, NULL, tuples_processed, NULL
FROM pg_catalog.pg_stat_progress_copy WHERE pid = w.pid"""
_COPY_PROGRESS_SINCE: Final = 140_000
# `pg_blocking_pids` briefly blocks the lock manager, so it is called only for a session that waits
# for a lock. A server that waits for the rest of a statement's messages is idle, too, unless that
# is a COPY's rows: messages can be lost.
_QUERY: Final = """\
SELECT json_build_object(
    'state', w.state, 'waits', w.wait_event_type || ': ' || w.wait_event, 'query', w.query,
    'idle', CASE WHEN w.state <> 'active' OR (w.wait_event = 'ClientRead' AND w.query !~* 'copy')
                 THEN extract(epoch FROM clock_timestamp() - w.state_change) END,
    'progress', {progress},
    'waiters', {waiters},
    'blockers', CASE WHEN w.wait_event_type = 'Lock' THEN (
        SELECT json_agg(json_build_object(
            'pid', b.pid, 'application', b.application_name, 'role', b.usename,
            'client', host(b.client_addr), 'state', b.state,
            'seconds', extract(epoch FROM clock_timestamp() - b.xact_start),
            'query', nullif(b.query, '<insufficient privilege>')))
        FROM pg_catalog.pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(w.pid))) END)
FROM pg_catalog.pg_stat_activity w WHERE w.pid = {pid}"""
# The session may have locked the catalogs that this reads.
_LIMIT: Final = "SELECT set_config('lock_timeout', '{milliseconds:.0f}', true); "


@dataclass(frozen=True)
class Activity:
    """A session's state, its statement without literals, and why it takes long.

    `progress` and `waiters` are queried only when they are logged. Seconds are None if the session
    is not idle.
    """

    state: str | None = None
    waits_for: str | None = None
    statement: str | None = None
    idle_seconds: float | None = None
    progress: dict[str, Any] | None = None
    blockers: Sequence[Blocker] = field(default=())
    waiters: Waiters | None = None


def look_at(
    connection: Connection, pid: int, patience: float, own_pids: Collection[int], *, details: bool
) -> Activity | None:
    """Return what the session `pid` does, None if it has ended.

    Raises `TimeoutError` after `patience` seconds.
    """
    progress = waiters = "NULL"
    if details:
        copies = connection.info.server_version >= _COPY_PROGRESS_SINCE
        counted = _PROGRESS + (_COPY_PROGRESS if copies else "")
        progress = f"(SELECT row_to_json(p) FROM ({counted}) p LIMIT 1)"  # noqa: S608 - our own constants
        waiters = f"({WAITERS_QUERY})"
    query = _LIMIT.format(milliseconds=patience * 500) + _QUERY.format(
        progress=progress, waiters=waiters, pid=pid
    )
    answer = ask(connection.pgconn, query, patience)
    if answer is None:
        return None
    # A database in SQL_ASCII has bytes of any encoding.
    row = json.loads(answer.decode(errors="replace"))
    return Activity(
        state=row["state"],
        waits_for=row["waits"],
        statement=row["query"] and shorten_query(row["query"]),
        idle_seconds=row["idle"],
        progress=row["progress"],
        blockers=[Blocker.from_row(each) for each in row["blockers"] or ()],
        waiters=row["waiters"] and Waiters.from_row(row["waiters"], own_pids),
    )
