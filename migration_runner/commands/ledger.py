"""`migrate ledger`: what was applied, when, by whom, from which build."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy

from migration_runner.commands.invocation import Invocation
from migration_runner.database.engine import application_name, waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.database.statements import set_names
from migration_runner.errors import ConfigError, DatabaseRejected, UsageError
from migration_runner.history.request import Request
from migration_runner.ledger.rows import LedgerEntry, read_ledger
from migration_runner.ledger.schema import ledger_access
from migration_runner.log import streams
from migration_runner.report.tables import render_ledger
from migration_runner.run.acceptance import Acceptance
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.failures import translate_env_failure
from migration_runner.run.runs import carry_out, prepare_run, prepare_runs
from migration_runner.run.status import describe_entry


def ledger(invocation: Invocation) -> None:
    """Print the ledger of every history in the database, newest first; or `accept` revisions.

    Raises `DatabaseRejected` if this role may not read it, or write it.
    """
    if words := invocation.options.targets:
        _accept(invocation, words)
        return
    settings, limit = invocation.load_settings(needs_project=False), invocation.options.limit
    if settings.database is None:
        rows = _read_through_env(invocation, limit)
    else:
        limits = WaitLimits(0.0, settings.connect_timeout)
        name = application_name(invocation.report.run_id)
        engine = waiting_engine(settings.database, limits, name, writes=False)
        try:
            with engine.connect() as connection:
                with connection.begin():
                    set_names(connection, settings.role)
                rows = _read(connection, limit)
        except sqlalchemy.exc.DBAPIError as error:
            raise translate_env_failure(error) from error
    facts = [describe_entry(row) for row in rows]
    if invocation.options.as_json or not streams.answers_on_terminal():
        streams.write_facts(facts)
    else:
        width = streams.answer_width()
        streams.write_answer(render_ledger(facts, width) if facts else "The ledger is empty.")


def _accept(invocation: Invocation, words: Sequence[str]) -> None:
    verb, *names = words
    if verb != "accept" or not names:
        message = "Write `migrate ledger`, or `migrate ledger accept REVISION ...`."
        raise UsageError(message)
    run = prepare_run(invocation.load_settings(), invocation.report, Request("upgrade", ("heads",)))
    acceptance = Acceptance(run, names)
    carry_out(run, lambda _: acceptance.decide())
    acceptance.require_applied()
    accepted = acceptance.accepted
    if invocation.options.as_json or not streams.answers_on_terminal():
        streams.write_facts({"accepted": accepted})
    elif accepted:
        streams.write_answer(f"Accepted as they are now: {', '.join(accepted)}.")
    else:
        streams.write_answer("Nothing to accept: no file was edited.")


def _read(connection: sqlalchemy.Connection, limit: int | None) -> list[LedgerEntry]:
    access = ledger_access(connection)
    if access.exists and not access.readable:
        message = (
            "This role may not read the ledger. GRANT USAGE ON SCHEMA migration_runner and"
            " SELECT ON migration_runner.ledger to it."
        )
        raise DatabaseRejected(message, reason="ledger_unreadable")
    return read_ledger(connection, limit) if access.exists else []


def _read_through_env(invocation: Invocation, limit: int | None) -> list[LedgerEntry]:
    """Read it if only env.py knows the database."""
    found: list[list[LedgerEntry]] = []

    def decide(state: DatabaseState) -> bool:
        if not state.session.safeguarded:
            message = f"There is no ledger in {state.server.version}: it requires Postgres."
            raise ConfigError(message, reason="other_database")
        with state.session.between_transactions():
            found.append(_read(state.session.connection, limit))
        return False

    settings = dataclasses.replace(invocation.load_settings(), wait_timeout=0.0)
    request = Request("upgrade", ("heads",))
    carry_out(
        prepare_runs(settings, invocation.report, request, read_only=True)[0], lambda _: decide
    )
    return found[0]
