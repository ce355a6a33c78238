"""The locks that a session holds, seen from another one, and since which line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from migration_runner.workshop.hazards.catalog import Relation
from migration_runner.workshop.hazards.second_connection import SecondConnection
from migration_runner.workshop.hazards.statement import Lock

# A relation's OID, and a mode as Postgres documents it.
Key = tuple[int, str]

_LOCKS: Final = b"""\
SELECT relation::bigint, mode FROM pg_catalog.pg_locks
WHERE locktype = 'relation' AND granted AND pid = %s AND database =
  (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"""


class HeldLocks:
    """Reads locks, and remembers which line took each."""

    def __init__(self, second: SecondConnection) -> None:
        self._second = second
        # By session.
        self._lines: dict[int, dict[Key, int]] = {}

    def of(self, pid: int) -> list[Key]:
        """Return the locks on relations that a session has been granted."""
        rows = self._second.ask(_LOCKS, pid)
        return [(int(oid), _documented(mode)) for oid, mode in rows]

    def note(self, pid: int, held: Collection[Key], before: Collection[Key], line: int) -> None:
        """Remember which locks a session has taken by the statement in a line."""
        known = self._lines.get(pid, {})
        kept = {key: since for key, since in known.items() if key in before}
        self._lines[pid] = {**kept, **{key: line for key in held if key not in before}}

    def describe(
        self, pid: int, before: Collection[Key], relations: Mapping[int, Relation]
    ) -> tuple[Lock, ...]:
        """Return a session's locks on known relations, after what has been noted."""
        found = []
        for key, line in self._lines[pid].items():
            relation = relations.get(key[0])
            table = relation and relations.get(relation.table)
            if relation is None or table is None:
                continue
            index = "" if table is relation else relation.name
            since = line if key in before else None
            found.append(Lock(table.name, key[1], index, since))
        return tuple(sorted(found, key=lambda lock: (lock.table, lock.index, lock.mode)))


def _documented(mode: str) -> str:
    """Return `AccessExclusiveLock` as ACCESS EXCLUSIVE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
