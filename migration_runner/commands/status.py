"""`migrate status`: image and database side by side."""

from __future__ import annotations

import dataclasses
from typing import Any

from migration_runner.commands.invocation import Invocation
from migration_runner.errors import DatabaseRejected, DatabaseUnavailable
from migration_runner.log import streams
from migration_runner.report.tables import render_status
from migration_runner.run.context import RunContext
from migration_runner.run.runs import carry_out, prepare_runs
from migration_runner.run.status import Status


def status(invocation: Invocation) -> None:
    """Print the status, after a single attempt to connect; without a database, the image's part.

    With `--check`, raises `PendingRevisions` if the database is behind, and what `migrate` would
    end with where that is known: `HistoryError`, or `DatabaseRejected` without a required ledger.
    Raises `DatabaseUnavailable` or `DatabaseRejected`, but only once it is printed.
    """
    settings = dataclasses.replace(invocation.load_settings(), wait_timeout=0.0)
    runs = prepare_runs(settings, invocation.report, read_only=True, any_target=True)
    looks = {run.report.part_name: (run, Status(run)) for run in runs}
    try:
        for run, found in looks.values():
            _look(run, found)
    finally:
        _answer(
            {name: found.facts for name, (_, found) in looks.items()},
            as_json=invocation.options.as_json,
        )
    verdicts = [found.verdict for _, found in looks.values() if found.verdict is not None]
    if invocation.options.check and verdicts:
        # A history that diverged is worse than one that is behind.
        raise max(verdicts, key=lambda verdict: verdict.exit_code)


def _look(run: RunContext, found: Status) -> None:
    try:
        carry_out(run, lambda _: found.decide())
    except (DatabaseUnavailable, DatabaseRejected) as error:
        found.unavailable(error)
        raise


def _answer(found: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    if as_json or not streams.answers_on_terminal():
        facts = found.get("", {"histories": found})
        streams.write_facts(facts)
        return
    for name, facts in found.items():
        title = f"history   {name}\n" if name else ""
        streams.write_answer(title + render_status(facts, streams.answer_width()))
