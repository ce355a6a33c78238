"""The sessions that block a revision, from `pg_stat_activity`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migration_runner.database.sql_text import shorten_query


@dataclass(frozen=True)
class Blocker:
    """A session that a revision waits for.

    Roles without `pg_read_all_stats` do not see what another role's session does.
    """

    pid: int
    application_name: str
    role: str | None
    client: str | None
    state: str | None
    transaction_seconds: float | None
    query: str | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Blocker:
        """Create one from a row of the server's, without the literals in its query."""
        seconds, query = row["seconds"], row["query"]
        return cls(
            row["pid"],
            row["application"] or "",
            row["role"],
            row["client"],
            row["state"],
            None if seconds is None else round(seconds, 1),
            query and shorten_query(query),
        )

    def __str__(self) -> str:
        """Describe the session for people."""
        parts = [f"pid {self.pid}"]
        if self.application_name:
            parts.append(f"`{self.application_name}`")
        if self.role:
            parts.append(f"role {self.role}")
        if self.client:
            parts.append(f"from {self.client}")
        if self.state:
            parts.append(self.state)
        if self.transaction_seconds is not None:
            parts.append(f"in a transaction for {self.transaction_seconds:.0f} s")
        if self.query:
            parts.append(f"query: {self.query}")
        return ", ".join(parts)


def name_blockers(blockers: Sequence[Blocker]) -> str:
    """Name the blockers in a sentence."""
    if not blockers:
        return "The session that held the lock could not be determined."
    return f"Blocked by: {'; '.join(map(str, blockers))}."
