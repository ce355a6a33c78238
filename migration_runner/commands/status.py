"""`migrate status`: image and database side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping

from migration_runner import logs
from migration_runner.commands.begin import Options, begin_run, make_move
from migration_runner.errors import DatabaseRejected, DatabaseUnavailable
from migration_runner.report import RunReport
from migration_runner.status import Status
from migration_runner.tables import render_status


def status(flags: Mapping[str, str], report: RunReport, options: Options) -> None:
    """Print the status; it does not wait for the database, and tells of the image without one.

    With `--check`, raises `PendingRevisions` when the database is behind and `HistoryError` when
    it has diverged. Raises `DatabaseUnavailable` or `DatabaseRejected`, once it is printed.
    """
    # One attempt: somebody waits for the answer.
    run = begin_run({**flags, "wait_timeout": "0"}, report, looks=True)
    found = Status(run)
    try:
        make_move(run, lambda _: found.decide())
    except (DatabaseUnavailable, DatabaseRejected) as error:
        found.unavailable(error)
        raise
    finally:
        if options.as_json or not logs.answers_on_terminal():
            logs.write_answer(json.dumps(found.facts, ensure_ascii=False, default=str))
        else:
            logs.write_answer(render_status(found.facts))
    if options.check and found.verdict is not None:
        raise found.verdict
