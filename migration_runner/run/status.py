"""Image and database side by side, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from migration_runner.database.session_lock import find_lock_holder
from migration_runner.errors import (
    DatabaseRejected,
    HistoryError,
    MigrationError,
    PendingRevisions,
)
from migration_runner.history.relation import AHEAD, AT_HEAD, BEHIND, DIVERGED, UNPROVED
from migration_runner.history.request import Request
from migration_runner.ledger.keeper import LedgerBooks
from migration_runner.ledger.rows import LedgerEntry
from migration_runner.log.counts import count_of
from migration_runner.run.context import RunContext
from migration_runner.run.contradictions import describe_contradiction, read_books
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.relation_policy import accept_relation, find_edited, refuse_edited

Facts = dict[str, Any]
LEDGER_LINES: Final = 5
# In place of the relation: version table, ledger and history contradict each other.
CONTRADICTORY: Final = "contradictory"


# From the best to the worst.
_RELATIONS: Final = (AT_HEAD, AHEAD, BEHIND, UNPROVED, DIVERGED, CONTRADICTORY)


class Status:
    """The status of image and database, and the result of `--check`."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        history = run.project.history
        # Each with how bad it is.
        self._histories: list[tuple[tuple[int, int], Facts]] = []
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
        try:
            for target in run.request.targets:
                run.project.check_target(target)
        except HistoryError as error:
            # Several heads: what the database has of them can be shown.
            self.verdict = error
            self.facts["image"]["error"] = error.message
            run.request = Request("upgrade", ("heads",))

    def unavailable(self, error: MigrationError) -> None:
        """Record that the database could not be reached."""
        self.facts["error"] = {"kind": type(error).__name__, "message": error.message}

    def decide(self) -> Decide:
        """Return a decision that only reads, once for every version table of env.py's."""

        def look(state: DatabaseState) -> bool:
            verdict, found = self._look(state)
            if self.verdict is None or _severity(verdict) > _severity(self.verdict):
                self.verdict = verdict
            order = _severity(verdict), _RELATIONS.index(found["relation"])
            self._histories.append((order, found))
            # The worst one first: it is what the whole is judged by.
            worst = max(self._histories, key=lambda each: each[0])
            self.facts |= worst[1]
            if others := [each[1] for each in self._histories if each is not worst]:
                self.facts["further"] = others
            return False

        return look

    def _look(self, state: DatabaseState) -> tuple[MigrationError | None, Facts]:
        run = self._run
        books = read_books(state)
        heads, relation = books.table.heads, books.relate()
        error = describe_contradiction(state, books)
        pending = [] if relation.unknown or error else state.pending(heads)
        key = state.lock_key(run.settings.run_lock_key)
        holder = find_lock_holder(state.session, key) if state.session.safeguarded else None
        database, schema, table = state.location
        last = state.ledger.last(LEDGER_LINES)
        edited = {} if relation.unknown or error else find_edited(run, books)
        verdict = error or self._judge(state, books, pending, edited)
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
            "edited": list(edited),
            "run_lock": {"key": key, "holder": holder and dataclasses.asdict(holder)},
            "last_run": self._last_run(state, last[0]) if last else None,
            "ledger": [describe_entry(entry) for entry in last],
        }
        if error:
            facts["contradiction"] = {**error.facts, "message": error.message}
        return verdict, facts

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
        state: DatabaseState,
        books: LedgerBooks,
        pending: Sequence[str],
        edited: Mapping[str, LedgerEntry],
    ) -> MigrationError | None:
        """Return what `migrate` would end with, or that revisions are pending; None for success."""
        run = self._run
        try:
            if accept_relation(run, books, state.location):
                return None
            refuse_edited(run, books.history, edited)
            if run.settings.ledger == "require":
                state.ledger.check()
        except (HistoryError, DatabaseRejected) as error:
            return error
        if not pending:
            return None
        count = count_of(len(pending), "revision is", "revisions are")
        message = f"The database is behind: {count} pending. Run `migrate`."
        return PendingRevisions(message, pending=list(pending))


def _severity(verdict: MigrationError | None) -> int:
    return 0 if verdict is None else verdict.exit_code


def describe_entry(entry: LedgerEntry) -> Facts:
    """Return a ledger row for JSON."""
    return {**dataclasses.asdict(entry), "started_at": entry.started_at.isoformat()}
