"""`migrate downgrade`: undo revisions, under the lock and with ledger rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import UsageError
from migration_runner.history.request import Request
from migration_runner.log import streams
from migration_runner.log.counts import count_of
from migration_runner.run.context import RunContext
from migration_runner.run.decisions import Confirm, decide_downgrade
from migration_runner.run.runs import carry_out, prepare_run


def downgrade(invocation: Invocation) -> None:
    """Undo revisions down to a target, as `alembic downgrade`.

    Asks for confirmation. Raises `UsageError` if the answer is no, and without a terminal, unless
    `--yes` was given.
    """
    options = invocation.options
    if options.sql:
        run_offline(invocation)
        return
    request = Request("downgrade", options.targets, tag=options.tag)
    run = prepare_run(invocation.load_settings(), invocation.report, request)
    carry_out(run, lambda run: decide_downgrade(run, _confirm(run, yes=options.yes)))


def _confirm(run: RunContext, *, yes: bool) -> Confirm:
    confirmed: list[tuple[str, list[str]]] = []

    def confirm(place: str, planned: Sequence[str]) -> None:
        if (place, list(planned)) in confirmed:
            # This is another attempt.
            return
        revisions = run.project.history.revisions
        titles = {each: revisions[each].description.rstrip(".") for each in planned}
        listed = "; ".join(f"{each} ({title})" for each, title in titles.items())
        count = count_of(len(planned), "revision")
        question = (
            f"This undoes {count} of {place}: {listed}. Data in the dropped objects will be lost."
        )
        if not yes:
            if not (sys.stdin.isatty() and streams.answers_on_terminal()):
                message = f"{question} Confirm with --yes."
                raise UsageError(message, revisions=list(planned))
            streams.write_answer(f"{question} Continue? [y/N]")
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                message = "Cancelled."
                raise UsageError(message, revisions=list(planned))
        confirmed.append((place, list(planned)))

    return confirm
