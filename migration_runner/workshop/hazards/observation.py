"""What a statement does to the tables that were there before, seen while its locks are held.

Its locks are read over a second connection; files, scans and columns in its own transaction, which
alone can see them; and the server gives its own reasons as messages of level DEBUG1.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_for
from migration_runner.workshop.hazards.catalog import Relation, read_state, state_query
from migration_runner.workshop.hazards.comparison import Before, compare
from migration_runner.workshop.hazards.held_locks import HeldLocks, Key
from migration_runner.workshop.hazards.known import may_be_wrapped
from migration_runner.workshop.hazards.notices import listening_to
from migration_runner.workshop.hazards.second_connection import SecondConnection
from migration_runner.workshop.hazards.server_reasons import read_reasons
from migration_runner.workshop.hazards.session import LOUDER, SETTING, ask, restore
from migration_runner.workshop.hazards.sql_kinds import defines
from migration_runner.workshop.hazards.statement import MODES, ChangeKind, Seen
from migration_runner.workshop.hazards.unobserved import add_known

# Those of earlier statements, and also of transactions whose counts are not reported yet.
_SCANS: Final = """\
, (SELECT pg_catalog.json_object_agg(c.oid::bigint, s)::text
   FROM pg_catalog.pg_class c, pg_catalog.pg_stat_get_xact_numscans(c.oid) s
   WHERE c.relkind = 'r' AND s > 0)"""
_TIME_ZONE: Final = "SELECT source FROM pg_catalog.pg_settings WHERE name = 'TimeZone'"
# Weaker locks are taken by statements that change nothing but rows.
_CHANGES_TABLES: Final = frozenset(MODES[MODES.index("SHARE UPDATE EXCLUSIVE") :])


@dataclass
class Watched:
    """A statement that is running."""

    sql: str
    connection: sqlalchemy.Connection
    pid: int
    held: frozenset[Key]
    transactional: bool
    wrapped: bool
    setting: str
    scans: dict[int, int]
    listener: contextlib.ExitStack
    messages: list[str]


class Observation:
    """Looks at a database before and after each statement of one revision."""

    def __init__(self, url: str) -> None:
        self._second = SecondConnection(url)
        self._locks = HeldLocks(self._second)
        self._older: frozenset[int] = frozenset()
        self._relations: dict[int, Relation] = {}
        self._savepoints: dict[str, dict[int, Relation]] = {}

    def close(self) -> None:
        """End the second connection."""
        self._second.close()

    def begin(self) -> None:
        """Note what is there: a revision begins."""
        self._relations = self._read()
        self._older = frozenset(self._relations)

    def names(self) -> frozenset[str]:
        """Return the names of what is there now."""
        return frozenset(each.name for each in self._read().values())

    def save(self, savepoint: str) -> None:
        """Keep the state: the revision can come back to it."""
        self._savepoints[savepoint] = dict(self._relations)

    def roll_back(self, savepoint: str | None) -> None:
        """Go back to a savepoint's state, or the committed one."""
        kept = None if savepoint is None else self._savepoints.get(savepoint)
        if kept is None:
            read = self._read()
            kept = {oid: each for oid, each in read.items() if oid in self._older}
        self._relations = dict(kept)

    def watch(
        self, connection: sqlalchemy.Connection, sql: str, *, transactional: bool
    ) -> Watched | None:
        """Look before a statement; None if it cannot be observed."""
        driver = driver_connection(connection)
        pid = driver_for(driver).login_pid(driver)
        if pid is None or SETTING in sql.lower():
            return None
        wrapped = not transactional and may_be_wrapped(sql)
        try:
            if wrapped:
                ask(connection, "BEGIN")
            setting, _, *scans = ask(connection, LOUDER + (_SCANS if defines(sql) else ""))
        except Exception:  # noqa: BLE001 - each driver has its own; the statement fails as well
            return None
        listener = contextlib.ExitStack()
        messages = listener.enter_context(listening_to(driver))
        return Watched(
            sql=sql,
            connection=connection,
            pid=pid,
            held=frozenset(self._locks.of(pid)),
            transactional=transactional,
            wrapped=wrapped,
            setting=str(setting),
            scans={int(oid): n for each in scans if each for oid, n in json.loads(each).items()},
            listener=listener,
            messages=messages,
        )

    def fail(self, watched: Watched) -> None:
        """Leave the session as the failed statement would have left it."""
        watched.listener.close()
        # In a transaction that has failed, nothing can be set, and what was set is rolled back.
        with contextlib.suppress(Exception):
            if watched.wrapped:
                ask(watched.connection, "ROLLBACK")
            if not watched.transactional:
                restore(watched.connection, watched.setting)

    def look(self, watched: Watched, line: int) -> Seen:
        """Look after a statement, and leave the session as it was."""
        held = self._locks.of(watched.pid)
        looked_at = self._affected(held, watched)
        after = read_state(_state(watched, looked_at) if looked_at else "")
        if watched.wrapped:
            ask(watched.connection, "COMMIT")
        restore(watched.connection, watched.setting)
        watched.listener.close()
        reasons = read_reasons(watched.messages)
        before = Before(self._relations, looked_at, watched.scans)
        seen = compare(before, after, reasons, watched.sql)
        self._locks.note(watched.pid, held, watched.held, line)
        locks = self._locks.describe(watched.pid, watched.held, self._relations)
        if not watched.transactional and not watched.wrapped:
            seen, locks = add_known(seen, watched.sql)
        self._remember(after.relations, looked_at)
        return replace(self._with_time_zone(seen, watched), locks=locks)

    def _affected(self, held: Collection[Key], watched: Watched) -> frozenset[int]:
        """Return the relations whose state may be another one."""
        if not watched.transactional and not watched.wrapped:
            return frozenset(self._relations)
        locked = {oid for oid, mode in held if mode in _CHANGES_TABLES}
        return frozenset(
            oid for oid, each in self._relations.items() if oid in locked or each.table in locked
        )

    def _remember(self, found: dict[int, Relation], looked_at: Collection[int]) -> None:
        for oid in looked_at:
            if oid in found:
                self._relations[oid] = found[oid]
            else:
                self._relations.pop(oid, None)

    def _with_time_zone(self, seen: Seen, watched: Watched) -> Seen:
        """Drop what depends on the session's time zone if the revision has chosen that."""
        if not any(each.kind is ChangeKind.COLUMN_RETIMED for each in seen.changes):
            return seen
        if str(ask(watched.connection, _TIME_ZONE)[0]) != "session":
            return seen
        kept = (each for each in seen.changes if each.kind is not ChangeKind.COLUMN_RETIMED)
        return replace(seen, changes=tuple(kept))

    def _read(self) -> dict[int, Relation]:
        [(answer,)] = self._second.ask(state_query().encode())
        return read_state(answer).relations


def _state(watched: Watched, oids: Collection[int]) -> str:
    return str(ask(watched.connection, state_query(oids))[0])
