"""The decision of a run: check the database, take the run lock, check again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from migration_runner.clock import Stopwatch
from migration_runner.database.run_lock import LockWait, acquire_run_lock
from migration_runner.database.version_tables import name_place
from migration_runner.errors import HistoryError
from migration_runner.log import logs
from migration_runner.run.context import RunContext
from migration_runner.run.contradictions import read_books, refuse_contradiction
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.lock_polls import LockPolls
from migration_runner.run.relation_policy import accept_relation, check_files

# Decides whether a run's request is carried out on a version table; takes the lock if needed.
Decide = Callable[[DatabaseState], bool]
# Asks for confirmation; raises `UsageError` if it is refused.
Confirm = Callable[[str, Sequence[str]], None]
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class _Look:
    """The revisions to apply and to adopt; or that the database is ahead, which is accepted.

    `complete`: the ledger has everything that the database has.
    """

    heads: Sequence[str]
    pending: Sequence[str] = ()
    unrecorded: Sequence[str] = ()
    ahead: bool = False
    complete: bool = False


def decide_upgrade(run: RunContext) -> Decide:
    """Return the decision of `migrate`: apply what is pending, under the run lock.

    At the target, no lock is taken, unless there are revisions to adopt into the ledger.
    Raises `TemporaryFailure` if another run holds the lock for longer than the run lock timeout,
    and `HistoryError` if database and image do not match.
    """

    def decide(state: DatabaseState) -> bool:
        found = _look(run, state)
        if found.ahead:
            return False
        recordable = False
        if found.pending or found.unrecorded or run.settings.ledger == "require":
            recordable = state.ledger.check()
        if not found.pending:
            if found.unrecorded and recordable and state.lock.try_lock(_key(run, state)):
                _prepare_ledger(state)
            return False
        if not acquire(run, state, state.at_target):
            # Another run has done it, perhaps one with another history.
            _look(run, state)
            return False
        before = found
        found = look_again(run, state, lambda state: _look(run, state, before))
        if found.ahead:
            return False
        _prepare_ledger(state, complete=found.complete)
        return bool(found.pending)

    return decide


def _look(run: RunContext, state: DatabaseState, before: _Look | None = None) -> _Look:
    """Check the database; if its heads are the same as `before`, so is everything else."""
    heads = state.heads()
    if before is not None and before.heads == heads:
        return before
    if state.ledger.complete(heads):
        # All files have the digests that were recorded with the parents, so nothing contradicts.
        return _Look(heads, state.pending(heads), complete=True)
    books = read_books(state)
    refuse_contradiction(state, books)
    heads = books.table.heads
    if accept_relation(run, books, state.location):
        return _Look(heads, ahead=True)
    check_files(run, books)
    unrecorded = books.unrecorded() if run.settings.ledger != "off" else []
    return _Look(heads, state.pending(heads), unrecorded)


def decide_downgrade(run: RunContext, confirm: Confirm) -> Decide:
    """Return the decision of `migrate downgrade`: undo what `confirm` accepts.

    Raises what `confirm` raises, and `HistoryError` if the database has revisions that this image
    does not have, or if it has changed during the confirmation.
    """

    def look(state: DatabaseState) -> list[str]:
        books = read_books(state)
        refuse_contradiction(state, books)
        heads = books.table.heads
        if unknown := run.project.history.unknown(heads):
            message = (
                f"The database has {', '.join(unknown)}, which this image does not have and"
                " therefore cannot undo. Downgrade with an image that has it."
            )
            raise HistoryError(message, reason="unknown_revision", database_heads=list(heads))
        return state.pending(heads)

    def decide(state: DatabaseState) -> bool:
        planned = look(state)
        if not planned:
            return False
        state.ledger.check()
        confirm(name_place(state.location), planned)
        if not acquire(run, state, lambda _: False):
            return False
        if look_again(run, state, look) != planned:
            message = "Another run has changed the database in the meantime. Run again."
            raise HistoryError(message, reason="changed_meanwhile")
        _prepare_ledger(state)
        return True

    return decide


def decide_stamp(run: RunContext) -> Decide:
    """Return the decision of `migrate stamp`: write the version table, run nothing."""

    def decide(state: DatabaseState) -> bool:
        heads = state.heads()
        changes = run.request.purge or bool(state.pending(heads))
        books = state.books(heads)
        if not changes and not books.find_contradiction() and not books.unrecorded():
            return False
        state.ledger.check()
        acquire(run, state, lambda _: False)
        _prepare_ledger(state)
        if not changes:
            # The version table has it already, and this says that it is right.
            state.ledger.confirm(heads)
        return changes

    return decide


def acquire(run: RunContext, state: DatabaseState, done: Callable[[Sequence[str]], bool]) -> bool:
    """Take the run lock; return False as soon as `done`, which gets the heads.

    Raises `TemporaryFailure`.
    """
    if run.settings.run_lock == "off":
        return True
    waiting = Stopwatch(run.clock)
    wait = LockWait(run.settings.run_lock_timeout, run.settings.heartbeat)
    polls = LockPolls(run, state, done)
    try:
        with contextlib.closing(polls), logs.bound(version_table=name_place(state.location)):
            return acquire_run_lock(polls, _key(run, state), wait, run.clock, polls.done)
    finally:
        run.report.waited_for_run_lock_seconds += waiting.elapsed()


def look_again(
    run: RunContext, state: DatabaseState, look: Callable[[DatabaseState], _Found]
) -> _Found:
    """Check again under the lock: another run may have applied all or some of it."""
    found = look(state)
    if not run.progress.count_at(state.location):
        run.report.reset_beginning(state.location)
    return found


def _key(run: RunContext, state: DatabaseState) -> int:
    return state.lock_key(run.settings.run_lock_key)


def _prepare_ledger(state: DatabaseState, *, complete: bool = False) -> None:
    state.ledger.create_if_missing()
    if not complete:
        state.ledger.adopt(state.heads())
