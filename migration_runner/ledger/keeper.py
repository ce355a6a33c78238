"""Keeps the ledger of one history: creates it where allowed, and writes it with every revision."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TypeVar

import sqlalchemy

from migration_runner import __version__
from migration_runner.database.session import WorkSession
from migration_runner.database.statements import message_of, protected
from migration_runner.history.books import Books
from migration_runner.history.history import History
from migration_runner.history.witnesses import VersionTable
from migration_runner.ledger.new_rows import accept_row, describe_row, move_row
from migration_runner.ledger.policy import LedgerPolicy
from migration_runner.ledger.rows import Ledger, LedgerAuthor, LedgerEntry, LedgerRow, digest_of
from migration_runner.ledger.schema import LedgerAccess, LedgerDenied, create_ledger, ledger_access
from migration_runner.ledger.witness import examine
from migration_runner.log import events, logs
from migration_runner.report.report import RunReport

_Answer = TypeVar("_Answer")
Entries = Mapping[str, LedgerEntry]
LedgerBooks = Books[LedgerEntry]
# Revisions with their durations in seconds.
Recorded = dict[str, float | None]


class LedgerKeeper:
    """The ledger of one version table, over one session.

    If it is not available, `policy` decides: a run works without it, but cannot prove that a
    database is ahead, or that a file was edited.
    """

    def __init__(
        self,
        session: WorkSession,
        history: History,
        location: tuple[str, str],
        policy: LedgerPolicy,
        report: RunReport,
    ) -> None:
        self._session = session
        self._history = history
        self._location = location
        self._ledger = Ledger(session.connection, *location)
        self._policy = policy
        self._report = report
        self._host = socket.gethostname()
        self._access: LedgerAccess | None = None
        self._unreadable = False
        # A run checks more than once.
        self._expectations: dict[tuple[str, ...], str | None] = {}

    def access(self) -> LedgerAccess:
        """Look up whether the ledger exists, and the role's privileges on it."""
        if self._access is None:
            with self._session.between_transactions():
                self._access = ledger_access(self._session.connection)
        return self._access

    def entries(self) -> Entries:
        """Return every revision's last row; none without a readable ledger."""
        if self._policy.mode == "off" or not self.access().readable:
            return {}
        return self._read(self._ledger.latest, {})

    def books(
        self, heads: Sequence[str], *, searched: bool = False, placed: bool = True
    ) -> LedgerBooks:
        """Return history, version table at `heads` and ledger, to be checked against each other.

        `searched`: the search_path led to the version table; `placed`: where it is, is known.
        """
        entries, table = self.entries(), VersionTable(tuple(heads))
        if not self._session.safeguarded or not placed:
            return Books(self._history, table, entries)

        def ask() -> VersionTable:
            readable = entries if self._readable() else None
            connection = self._session.connection
            return examine(connection, self._location, table.heads, readable, searched=searched)

        try:
            table = self._ask(ask)
        except sqlalchemy.exc.DBAPIError as error:
            # For example, it is a view, whose rows have no transaction ids.
            if error.connection_invalidated:
                raise
        return Books(self._history, table, entries)

    def _readable(self) -> bool:
        return self._policy.mode != "off" and not self._unreadable and self.access().readable

    def complete(self, heads: Sequence[str]) -> bool:
        """Whether `heads` and their ancestors are recorded, with unchanged files.

        Also False if answering would take reading every row or every file.
        """
        if self._policy.mode == "off" or self._history.unknown(heads):
            return False
        if not self.access().readable or (expected := self._expected(tuple(heads))) is None:
            return False
        return self._read(self._ledger.digest, None) == expected

    def _expected(self, heads: tuple[str, ...]) -> str | None:
        """Return the digest of `heads` and their ancestors; None if a build has not recorded it."""
        if heads not in self._expectations:
            revisions = self._history.revisions
            applied = self._history.with_ancestors(heads)
            digests = [(each, revisions[each].file_sha256 or "") for each in applied]
            complete = all(digest for _, digest in digests)
            self._expectations[heads] = digest_of(digests) if complete else None
        return self._expectations[heads]

    def last(self, count: int) -> list[LedgerEntry]:
        """Return the newest rows; none without a readable ledger."""
        if self._policy.mode == "off" or not self.access().readable:
            return []
        return self._read(lambda: self._ledger.last(count), [])

    def of_run(self, run_id: str, direction: str) -> list[str]:
        """Return the revisions that one run has recorded, in order."""
        nothing: Recorded = {}
        return list(self._read(lambda: self._ledger.of_run(run_id, direction), nothing))

    def _read(self, query: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
        """Read from the ledger. A failure is a warning, and spoils no open transaction."""
        try:
            return self._ask(query)
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            self._policy.unavailable(message_of(error))
            # What is recorded is not known: nothing may be added to it.
            self._unreadable = True
            return otherwise

    def _ask(self, query: Callable[[], _Answer]) -> _Answer:
        """Return the answer of a query whose failure leaves an open transaction usable."""
        session = self._session
        inner = session.connection if session.in_transaction else None
        with session.between_transactions(), protected(inner) if inner else nullcontext():
            return query()

    def check(self) -> bool:
        """Whether the ledger can be written, or created; if not, warn or raise."""
        if self._policy.mode == "off":
            return False
        access = self.access()
        if access.defect:
            self._policy.unavailable(access.defect)
        elif access.exists and not access.writable:
            self._policy.unavailable("permission denied for table migration_runner.ledger")
        elif not access.exists and not access.creatable:
            self._policy.unavailable("permission denied to create the schema migration_runner")
        return access.writable or (access.creatable and not access.exists)

    def create_if_missing(self) -> None:
        """Create the ledger if it does not exist. To be called under the run lock."""
        if not self.check() or self.access().exists:
            return
        try:
            with self._session.between_transactions():
                create_ledger(self._session.connection)
        except LedgerDenied as error:
            self._policy.unavailable(str(error))
        else:
            logs.get_logger().info(events.LEDGER_CREATED)
        self._access = None

    def adopt(self, heads: Sequence[str]) -> None:
        """Record revisions that were applied without the ledger, or moved since; under the lock."""
        if not self._records():
            return
        books = self.books(heads)
        found, moved = books.unrecorded(), books.re_pointed()
        rows = [self._row("adopted", each) for each in found]
        rows += [move_row(books.ledger[each], parents) for each, parents in moved.items()]
        if not rows:
            return
        with self._session.between_transactions():
            written = self._write(rows)
        if written and found:
            logs.get_logger().info(events.REVISIONS_ADOPTED, count=len(found), heads=list(heads))

    def accept(self, revisions: Sequence[str]) -> list[LedgerRow]:
        """Record applied revisions with their files as they are now; return the rows.

        Nothing is recorded of a file that is unchanged since the last row. Under the run lock.
        """
        entries, rows = self.entries(), []
        for revision in [each for each in revisions if each in entries]:
            row = accept_row(entries[revision], self._history.revisions[revision])
            if row.file_sha256 != entries[revision].file_sha256:
                rows.append(row)
        with self._session.between_transactions():
            return rows if self._write(rows) else []

    def confirm(self, heads: Sequence[str]) -> None:
        """Record a stamp to what the version table has already, under the run lock."""
        if not self._records():
            return
        with self._session.between_transactions():
            self._write(self._stamp_rows(heads or [None]))

    def insert(self, direction: str, revisions: Sequence[str | None], seconds: float) -> str | None:
        """Return the statement that `record` would execute; None if nothing is recorded."""
        if not self._records():
            return None
        rows = [self._row(direction, revision, seconds) for revision in revisions]
        return self._ledger.insert(rows, self._author())

    def record(
        self, direction: str, revisions: Sequence[str | None], seconds: float | None
    ) -> None:
        """Record a step in its own transaction, which is open."""
        if not self._records():
            return
        if direction == "stamp":
            rows = self._stamp_rows(revisions, seconds)
        else:
            rows = [self._row(direction, revision, seconds) for revision in revisions]
        self._write(rows)

    def _stamp_rows(
        self, revisions: Sequence[str | None], seconds: float | None = None
    ) -> list[LedgerRow]:
        """Return the rows of a stamp: its ancestors were not applied by this run, but adopted."""
        history = self._history
        below = history.with_ancestors(each for each in revisions if each)
        books = Books(history, VersionTable(()), self.entries())
        outdated = history.in_order(books.outdated(below).difference(revisions))
        return [self._row("adopted", each) for each in outdated] + [
            self._row("stamp", each, seconds) for each in revisions
        ]

    def _records(self) -> bool:
        return self._policy.mode != "off" and not self._unreadable and self.access().writable

    def _write(self, rows: Sequence[LedgerRow]) -> bool:
        """Write rows in the open transaction, which stays usable if that fails."""
        try:
            self._ledger.write(rows, self._author())
        except sqlalchemy.exc.DBAPIError as error:
            # For example, a revision has set another role.
            if error.connection_invalidated:
                raise
            self._policy.unavailable(message_of(error))
            return False
        return True

    def recorded(self, direction: str) -> Recorded | None:
        """Return what this run has recorded, with durations; None if it does not record."""
        return self._read(lambda: self.recorded_on(self._session.connection, direction), None)

    def recorded_on(self, connection: sqlalchemy.Connection, direction: str) -> Recorded | None:
        """Return the same over another connection: env.py may have closed its own."""
        if self._policy.mode == "off" or self._policy.warned:
            return None
        access = ledger_access(connection)
        if not access.readable or not access.writable:
            return None
        return Ledger(connection, *self._location).of_run(self._report.run_id, direction)

    def _row(self, direction: str, revision: str | None, seconds: float | None = None) -> LedgerRow:
        known = None if revision is None else self._history.revisions.get(revision)
        if known is None:
            return LedgerRow(direction, revision, duration_seconds=seconds)
        return describe_row(direction, known, seconds)

    def _author(self) -> LedgerAuthor:
        report = self._report
        waited = round(report.waited_for_run_lock_seconds, 3)
        return LedgerAuthor(report.run_id, __version__, report.build or None, self._host, waited)
