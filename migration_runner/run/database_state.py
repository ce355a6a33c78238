"""The database's heads, as its version table has them, and the ledger that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property

import sqlalchemy

from migration_runner.database.engine import on_new_connection
from migration_runner.database.run_lock import derive_key
from migration_runner.database.session import ServerFacts, WorkSession, refuses_writes
from migration_runner.database.session_lock import NoLock, SessionLock
from migration_runner.database.sql_literals import literal
from migration_runner.database.statements import (
    autocommits,
    execute_plain,
    execute_protected,
    sends_scripts,
    set_names,
    undone,
)
from migration_runner.database.version_tables import VersionChange
from migration_runner.history.request import CompletedStep
from migration_runner.ledger.keeper import LedgerBooks, LedgerKeeper, Recorded
from migration_runner.ledger.policy import LedgerPolicy
from migration_runner.project.context import ConfiguredContext
from migration_runner.run.context import RunContext

_Found = tuple[tuple[str, ...], Recorded | None]


class DatabaseState:
    """The heads in the database, read on every call and recorded in the report.

    `offered`: the connection is the runner's own, not one that env.py has opened.
    """

    def __init__(
        self,
        run: RunContext,
        context: ConfiguredContext,
        session: WorkSession,
        server: ServerFacts,
        *,
        offered: bool,
    ) -> None:
        self.session = session
        self.context = context
        self.server = server
        self.offered = offered
        lock = NoLock if run.settings.run_lock == "off" else SessionLock
        self.lock = lock(session)
        self._run = run
        self._project = run.project
        self._report = run.report
        self._last_pending: str | None = None
        self._doubted = False

    @property
    def transactional(self) -> bool:
        """Whether a revision's changes can currently be rolled back."""
        if not self.session.safeguarded:
            return self.context.transactional_ddl
        return not autocommits(self.session.connection)

    @cached_property
    def location(self) -> tuple[str, str, str]:
        """Database, schema and name of the version table."""
        return self.session.locate_version_table(
            self.context.version_table_schema, self.context.version_table
        )

    @cached_property
    def ledger(self) -> LedgerKeeper:
        """The ledger of this version table."""
        _, *location = self.location
        history = self._project.history
        schema, table = location
        policy = self._run.policy if self.session.safeguarded else LedgerPolicy("off")
        return LedgerKeeper(self.session, history, (schema, table), policy, self._report)

    def lock_key(self, configured: int | None) -> int:
        """Return the run lock's key: the configured one, or the version table's own."""
        return derive_key(*self.location) if configured is None else configured

    def heads(self) -> tuple[str, ...]:
        """Read the heads on the work session."""
        with self.session.statement_by_statement():
            heads = self.context.heads()
        self._note_heads(heads)
        return heads

    def _note_heads(self, heads: Sequence[str]) -> None:
        if not self._doubted:
            self._report.note_heads(self.location, heads)

    def write_step(
        self, step: CompletedStep, change: VersionChange, seconds: float, along: Sequence[str]
    ) -> bool:
        """Write version table and ledger in one message, together with the statements `along`.

        False if that is not possible, or any of it fails: then nothing is changed.
        """
        connection, context = self.session.connection, self.context
        if not sends_scripts(connection) or context.translates_schemas:
            return False
        # Where the run has found the table, whatever search_path a revision has set.
        schema = context.version_table_schema or self.location[1]
        statements = [change.statement(schema or None, context.version_table)]
        if recording := self.ledger.insert(step.direction, step.revisions, seconds):
            statements.append(recording)
        try:
            execute_protected(connection, *statements, *along)
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            return False
        return True

    def recorded(self) -> Recorded | None:
        """Return what this run has recorded, with durations; None without a ledger."""
        return self.ledger.recorded(self._run.request.direction)

    def afterwards(self) -> _Found:
        """Read heads and ledger after env.py has ended, over a new connection if necessary."""
        # A transaction that env.py left open would end with its connection.
        self.session.roll_back()
        if not self.session.over and not self.session.lost:
            return self.at_once()
        found = on_new_connection(self.session.connection.engine, self._found_on)
        self._note_heads(found[0])
        return found

    def at_once(self) -> _Found:
        """Read heads and ledger on the work session."""
        return self._heads_as_found(), self.recorded()

    def after_leaving(self, following: sqlalchemy.Connection) -> _Found | None:
        """Read heads and ledger while env.py goes on with another version table.

        Over its connection, the `following` one from the same pool, or a new one; whatever it has
        set, and its open transaction, stay as they are. None if only its own would do.
        """
        ours = self.session.connection
        if not ours.closed:
            found = self._found_beside(ours)
        elif following.engine.pool is ours.engine.pool and not following.closed:
            found = self._found_beside(following)
        else:
            found = on_new_connection(ours.engine, self._found_on)
        if found is not None:
            self._note_heads(found[0])
        return found

    def _found_beside(self, connection: sqlalchemy.Connection) -> _Found | None:
        """Read over a connection that env.py uses for something else by now."""
        mapped = connection.get_execution_options().get("schema_translate_map") or {}
        if self.context.version_table_schema in mapped:
            return None
        with undone(connection):
            return self._found_on(connection)

    def _found_on(self, connection: sqlalchemy.Connection) -> _Found:
        """Read in an open transaction, or in one for each statement."""
        role = self._run.settings.role if self.session.safeguarded else ""
        with nullcontext() if connection.in_transaction() else connection.begin():
            set_names(connection, role, self.server.search_path)
        # Where the next run would look: a revision can have moved the table.
        heads = self.context.heads_on(connection, self.context.version_table_schema)
        return heads, self.ledger.recorded_on(connection, self._run.request.direction)

    def _heads_as_found(self) -> tuple[str, ...]:
        """Read the heads where the next run would: a revision can have set a search_path."""
        path = self.server.search_path
        with self.session.between_transactions():
            if path:
                query = f"SELECT set_config('search_path', {literal(path)}, true)"
                execute_plain(self.session.connection, query)
            heads = self.context.heads()
        self._note_heads(heads)
        return heads

    def refuses_writes(self) -> bool:
        """Whether the server is read-only, or was when the session began."""
        if self.server.read_only:
            return True
        usable = not self.session.over and not self.session.lost
        if usable:
            self.session.roll_back()
            with self.session.between_transactions():
                return refuses_writes(self.session.connection)
        return on_new_connection(self.session.connection.engine, refuses_writes)

    def books(self, heads: Sequence[str]) -> LedgerBooks:
        """Return history, version table and ledger, to be checked against each other."""
        context = self.context
        searched = context.version_table_schema is None
        return self.ledger.books(heads, searched=searched, placed=not context.translates_schemas)

    def doubt_heads(self) -> None:
        """Report no heads: those that were read are not, or not all, what the database has."""
        self._doubted = True
        self._report.forget_heads(self.location)

    def pending(self, heads: Sequence[str]) -> list[str]:
        """Return the revisions that the request applies or undoes."""
        return self._project.pending(self._run.request, heads)

    def heads_on(self, connection: sqlalchemy.Connection) -> tuple[str, ...]:
        """Read the heads over another connection to the same database, and report them."""
        _, schema, _ = self.location
        heads = self.context.heads_on(connection, schema)
        self._note_heads(heads)
        return heads

    def at_target(self, heads: Sequence[str]) -> bool:
        """Whether nothing is left to do in a database at `heads`: another run may have done it.

        Called with every poll, so it plans again only once the plan's last revision is applied.
        """
        history = self._project.history
        missing = self._last_pending and self._last_pending not in history.with_ancestors(heads)
        if missing or history.unknown(heads):
            return False
        pending = self.pending(heads)
        self._last_pending = pending[-1] if pending else None
        return not pending
