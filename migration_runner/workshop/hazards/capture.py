"""The statements that revisions execute, as they run, on any engine of this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Engine

from migration_runner.database.drivers.known import driver_connection, driver_for
from migration_runner.database.listeners import listening
from migration_runner.database.statements import autocommits, sqlstate_of
from migration_runner.workshop.hazards.observation import Observation, Watched
from migration_runner.workshop.hazards.position import Positions
from migration_runner.workshop.hazards.rendering import render
from migration_runner.workshop.hazards.sql_kinds import controls
from migration_runner.workshop.hazards.statement import Change, ChangeKind, Seen, Statement

_REPLACEABLE = (ChangeKind.RENAMED, ChangeKind.VIEW_DROPPED)


@dataclass
class _Running:
    statement: Statement
    watched: Watched | None


class Capture:
    """Captures the statements of revisions, whose files are given by their ids.

    With the `observe`d database's URL, in libpq's form, what each statement does there is seen.
    In `statements` are afterwards plain objects, which can be pickled.
    """

    def __init__(self, revision_files: Mapping[str, str], observe: str | None = None) -> None:
        self.statements: list[Statement] = []
        self._positions = Positions(revision_files)
        self._observe = observe
        self._observation: Observation | None = None
        self._revision = ""
        self._running: dict[int, _Running] = {}

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Capture what is executed in the block, in this process."""
        with contextlib.ExitStack() as stack:
            if self._observe is not None:
                self._observation = Observation(self._observe)
                stack.callback(self._observation.close)
            stack.enter_context(
                listening(
                    Engine,
                    before_cursor_execute=self._before,
                    after_cursor_execute=self._after,
                    handle_error=self._failed,
                    savepoint=self._saved,
                    rollback_savepoint=self._rolled_back_to,
                    rollback=self._rolled_back,
                )
            )
            yield
            self._note_replaced()

    def _before(
        self,
        connection: sqlalchemy.Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        _executemany: bool,  # noqa: FBT001 - SQLAlchemy's
    ) -> None:
        if connection.dialect.name != "postgresql":
            return
        position = self._positions.find()
        if position is None or controls(statement):
            return
        plain = bool(context is not None and context.no_parameters)
        sql = render(statement, parameters, connection.dialect.paramstyle, plain=plain)
        found = Statement(
            position.revision,
            position.file,
            position.line,
            sql,
            transactional=_in_transaction(connection),
        )
        watched = self._watch(connection, found)
        self._running[id(cursor)] = _Running(found, watched)

    def _watch(self, connection: sqlalchemy.Connection, found: Statement) -> Watched | None:
        if self._observation is None:
            return None
        if found.revision != self._revision:
            self._revision = found.revision
            self._observation.begin()
        return self._observation.watch(connection, found.sql, transactional=found.transactional)

    def _after(self, _connection: sqlalchemy.Connection, cursor: Any, *_: Any) -> None:
        running = self._running.pop(id(cursor), None)
        if running is None:
            return
        seen = Seen()
        if self._observation is not None and running.watched is not None:
            seen = self._observation.look(running.watched, running.statement.line)
        rows = getattr(cursor, "rowcount", -1)
        self.statements.append(replace(running.statement, rows=rows, seen=seen))

    def _failed(self, context: Any) -> None:
        cursor = getattr(context.execution_context, "cursor", None)
        running = self._running.pop(id(cursor), None)
        if running is None:
            return
        if self._observation is not None and running.watched is not None:
            self._observation.fail(running.watched)
        error = sqlstate_of(context.original_exception) or type(context.original_exception).__name__
        self.statements.append(replace(running.statement, error=error))

    def _saved(self, _connection: sqlalchemy.Connection, name: str) -> None:
        if self._observation is not None:
            self._observation.save(name)

    def _rolled_back_to(self, _connection: sqlalchemy.Connection, name: str, _: Any) -> None:
        if self._observation is not None:
            self._observation.roll_back(name)

    def _rolled_back(self, _connection: sqlalchemy.Connection) -> None:
        if self._observation is not None and self._revision:
            self._observation.roll_back(None)

    def _note_replaced(self) -> None:
        """Note which of the names that have gone are something else's now."""
        if self._observation is None:
            return
        names = self._observation.names()
        self.statements = [
            replace(each, seen=replace(each.seen, changes=_replaced(each.seen, names)))
            for each in self.statements
        ]


def _replaced(seen: Seen, names: frozenset[str]) -> tuple[Change, ...]:
    return tuple(
        replace(change, replaced=change.kind in _REPLACEABLE and change.relation in names)
        for change in seen.changes
    )


def _in_transaction(connection: sqlalchemy.Connection) -> bool:
    """Whether a statement's effects are committed with others: also if BEGIN was a statement."""
    driver = driver_connection(connection)
    return not autocommits(connection) or not driver_for(driver).idle(driver)
