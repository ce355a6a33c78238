"""Image and database side by side, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from migration_runner.database.session_lock import find_lock_holder
from migration_runner.database.version_tables import Place
from migration_runner.errors import HistoryError, MigrationError, PendingRevisions
from migration_runner.history.relation import AT_HEAD, BEHIND
from migration_runner.ledger.keeper import LedgerBooks
from migration_runner.ledger.rows import LedgerEntry
from migration_runner.run.context import RunContext
from migration_runner.run.contradictions import describe_contradiction, read_books
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.relation_policy import accept_relation

Facts = dict[str, Any]
LEDGER_LINES: Final = 5
# In place of the relation: version table, ledger and history contradict each other.
CONTRADICTORY: Final = "contradictory"


class Status:
    """The status of image and database, and the result of `--check`."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        history = run.project.history
        self._histories: list[Facts] = []
        self.verdict: MigrationError | None = None
        self.facts: Facts = {
            "image": {
                "build": run.settings.build or None,
                "heads": sorted(history.heads),
                "revisions": len(history.revisions),
                "target": run.request.target,
            },
            "database": None,
            "relation": None,
        }

    def unavailable(self, error: MigrationError) -> None:
        """Record that the database could not be reached."""
        self.facts["error"] = {"kind": type(error).__name__, "message": error.message}

    def decide(self) -> Decide:
        """Return a decision that only reads, once for every version table of env.py's."""

        def look(state: DatabaseState) -> bool:
            found = self._look(state)
            self._histories.append(found)
            first, *others = self._histories
            self.facts |= first
            if others:
                self.facts["further"] = others
            return False

        return look

    def _look(self, state: DatabaseState) -> Facts:
        run = self._run
        books = read_books(state)
        heads, relation = books.table.heads, books.relate()
        error = describe_contradiction(state, books)
        pending = [] if relation.unknown or error else state.pending(heads)
        key = state.lock_key(run.settings.run_lock_key)
        holder = find_lock_holder(state.session, key) if state.session.safeguarded else None
        database, schema, table = state.location
        last = state.ledger.last(LEDGER_LINES)
        self._judge(state.location, books, pending, error)
        facts = {
            "database": {
                "name": database,
                "server_version": state.server.version,
                "version_table": f"{schema}.{table}" if schema else table,
                # Those that were read may be none or not all, or another table's.
                "heads": None if books.table.doubt and error else list(heads),
            },
            "relation": CONTRADICTORY if error else relation.kind,
            "pending": pending,
            "unknown": list(relation.unknown),
            "run_lock": {"key": key, "holder": holder and dataclasses.asdict(holder)},
            "last_run": self._last_run(state, last[0]) if last else None,
            "ledger": [describe_entry(entry) for entry in last],
        }
        if error:
            facts["contradiction"] = {**error.facts, "message": error.message}
        return facts

    @staticmethod
    def _last_run(state: DatabaseState, newest: LedgerEntry) -> Facts:
        """Return the run that wrote the newest row, with all its revisions in that direction."""
        return {
            "run_id": newest.run_id,
            "build": newest.build,
            "host": newest.host,
            "role": newest.role,
            "started_at": newest.started_at.isoformat(),
            "direction": newest.direction,
            "revisions": state.ledger.of_run(newest.run_id, newest.direction),
        }

    def _judge(
        self,
        place: Place,
        books: LedgerBooks,
        pending: Sequence[str],
        contradiction: HistoryError | None,
    ) -> None:
        verdict: MigrationError | None = contradiction
        if not contradiction and books.relate().kind in (BEHIND, AT_HEAD):
            if pending:
                count = len(pending)
                many = "revision is" if count == 1 else "revisions are"
                message = f"The database is behind: {count} {many} pending. Run `migrate`."
                verdict = PendingRevisions(message, pending=list(pending))
        elif not contradiction:
            try:
                accept_relation(self._run, books, place)
            except HistoryError as error:
                verdict = error
        if isinstance(verdict, HistoryError) or self.verdict is None:
            self.verdict = verdict


def describe_entry(entry: LedgerEntry) -> Facts:
    """Return a ledger row for JSON."""
    return {**dataclasses.asdict(entry), "started_at": entry.started_at.isoformat()}
