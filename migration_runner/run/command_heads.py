"""The heads before and after another tool's command, and so what it has applied.

They are read through the project's own env.py. Where that needs its launcher (`flask db upgrade`),
or there is no Alembic configuration, from the version tables that the ledger knows, or from
Alembic's default one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy

from migration_runner.clock import SystemClock
from migration_runner.database.guarded_query import readable, table_oid
from migration_runner.database.session import WorkSession
from migration_runner.database.sql_literals import identifier
from migration_runner.database.statements import execute_plain
from migration_runner.database.version_tables import name_place
from migration_runner.errors import MigrationError
from migration_runner.history.history import History
from migration_runner.history.request import Request
from migration_runner.ledger.keeper import LedgerKeeper
from migration_runner.ledger.policy import LedgerPolicy
from migration_runner.ledger.rows import read_places
from migration_runner.ledger.schema import ledger_access
from migration_runner.log import events, logs
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.report.report import AppliedRevision, RunReport
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.runs import carry_out
from migration_runner.settings.settings import Settings

_DEFAULT_TABLE: Final = "alembic_version"
# Database, schema and name of a version table, with its heads; None if they cannot be read.
_Location = tuple[str, str, str]
_Heads = dict[_Location, tuple[str, ...] | None]


class CommandHeads:
    """The heads of each version table, as `read` returns them, and the `history` if it is known."""

    def __init__(
        self, report: RunReport, read: Callable[[], _Heads], history: History | None
    ) -> None:
        self._report = report
        self._read = read
        self._history = history
        self._heads: _Heads = {}

    @property
    def location(self) -> _Location:
        """The version table whose lock the command is run under."""
        return next(iter(self._heads))

    @property
    def names(self) -> list[str]:
        """The names of the version tables."""
        return [name_place(place) for place in self._heads]

    def look(self) -> None:
        """Read the heads; until the command has been started, these are where it begins."""
        self._heads = self._read()
        for place, heads in self._heads.items():
            if heads is not None:
                self._report.note_heads(place, heads)
                self._report.reset_beginning(place)

    def compare(self) -> None:
        """Read the heads again, and report what was applied; nothing if they cannot be read."""
        report, before = self._report, self._heads
        report.forget_ends()
        with contextlib.suppress(MigrationError, sqlalchemy.exc.DBAPIError):
            self._heads = self._read()
            for place, heads in self._heads.items():
                if heads is not None:
                    if before.get(place) is None:
                        # It did not exist.
                        report.note_heads(place, ())
                    report.note_heads(place, heads)
                    report.applied += self._applied(place, before.get(place) or (), heads)
        report.unobserved = report.from_revisions is None
        at = report.to_revisions
        report.unlisted = not report.applied and at not in (None, report.from_revisions)

    def _applied(
        self, place: _Location, before: tuple[str, ...], after: tuple[str, ...]
    ) -> list[AppliedRevision]:
        history = self._history
        if history is None or history.unknown((*before, *after)):
            return []
        new = history.with_ancestors(after) - history.with_ancestors(before)
        return [
            AppliedRevision(revision, history.revisions[revision].description, None, place)
            for revision in history.in_order(new)
        ]

    def record(self, session: WorkSession, settings: Settings) -> None:
        """Record what the command applied as adopted: each revision's part of it is unknown."""
        if self._history is None:
            return
        policy = LedgerPolicy(settings.ledger)
        for (_, schema, table), heads in self._heads.items():
            keeper = LedgerKeeper(session, self._history, (schema, table), policy, self._report)
            if heads and keeper.books(heads).unrecorded():
                keeper.create_if_missing()
                keeper.adopt(heads)


def find_heads(settings: Settings, report: RunReport, session: WorkSession) -> CommandHeads:
    """Return the heads that a command starts from, read for the first time."""
    history, reason = None, ""
    if all(Path(file).is_file() for file in settings.alembic.files):
        try:
            project = AlembicProject(settings.alembic)
            history = project.history
            heads = CommandHeads(report, _through_env(project, settings, report), history)
            heads.look()
        except MigrationError as error:
            reason = error.message
        else:
            if heads.names:
                return heads
            reason = "env.py found no database to migrate."
    heads = CommandHeads(report, lambda: _from_tables(session), history)
    heads.look()
    if reason:
        logs.get_logger().info(events.ENV_SKIPPED, detail=reason, version_tables=heads.names)
    return heads


def _through_env(
    project: AlembicProject, settings: Settings, report: RunReport
) -> Callable[[], _Heads]:
    request = Request("upgrade", (settings.target,))
    run = RunContext(
        project, settings, report, SystemClock(), request, read_only=True, optional=True
    )

    def read() -> _Heads:
        found: _Heads = {}

        def decide(state: DatabaseState) -> bool:
            found[state.location] = state.heads()
            return False

        carry_out(run, lambda _: decide)
        return found

    return read


def _from_tables(session: WorkSession) -> _Heads:
    connection = session.connection
    default = session.locate_version_table(None, _DEFAULT_TABLE)
    with session.between_transactions():
        known = read_places(connection) if ledger_access(connection).readable else []
        places = [(default[0], *place) for place in known] or [default]
        return {place: _read_table(connection, place) for place in places}


def _read_table(connection: sqlalchemy.Connection, place: _Location) -> tuple[str, ...] | None:
    _, schema, table = place
    oid = table_oid(schema, table)
    # Another application's table can have the name.
    column = (
        "SELECT FROM pg_catalog.pg_attribute"
        f" WHERE attrelid = {oid} AND attname = 'version_num' AND NOT attisdropped"
    )
    if not execute_plain(connection, f"SELECT {readable(oid)} AND EXISTS ({column})").scalar():
        return None
    name = f"{identifier(schema)}.{identifier(table)}"
    query = f"SELECT version_num::text FROM {name} ORDER BY 1"  # noqa: S608 - identifiers
    return tuple(execute_plain(connection, query).scalars())
