"""What is added to an observation that came too late: the locks are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from migration_runner.workshop.hazards.known import known
from migration_runner.workshop.hazards.statement import Lock, Seen

_EVERY_TABLE: Final = "every table"


def add_known(seen: Seen, sql: str) -> tuple[Seen, tuple[Lock, ...]]:
    """Add what is known of a statement whose locks are gone."""
    found = known(sql)
    if found is None:
        # A block or procedure that commits: what it does takes these locks at least.
        indexed = (Lock(name, "SHARE") for name in seen.indexed)
        checked = (Lock(name, "SHARE ROW EXCLUSIVE") for name in seen.foreign_keys)
        return replace(seen, scanned=()), (*indexed, *checked)
    tables: tuple[str, ...] = (found.table,) if found.table else ()
    if found.rewrites:
        tables = seen.rewritten or tables or (_EVERY_TABLE,)
        seen = replace(seen, rewritten=tables, reindexed=())
    elif found.reindexes:
        tables = seen.reindexed or tables or (_EVERY_TABLE,)
        seen = replace(seen, reindexed=tables)
    else:
        # It takes its time, but nobody waits.
        seen = replace(seen, scanned=(), indexed=(), reindexed=(), rewritten=())
    return seen, tuple(Lock(name, found.mode) for name in tables)
