"""`migrate check`: compare models and database, as `alembic check`; exits with 4 if they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.commands.at_heads import refuse_elsewhere
from migration_runner.commands.developer_tools import developer_tools
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import SchemaDrift
from migration_runner.history.request import Request
from migration_runner.log import streams
from migration_runner.log.bounds import shorten
from migration_runner.log.counts import count_of
from migration_runner.project.model_drift import describe_difference
from migration_runner.run.attempts import attempt_until_done
from migration_runner.run.runs import prepare_run

_NAMED: Final = 5
_LONGEST: Final = 200
_ADVICE: Final = {
    "database": "Write the missing revision (`migrate revision --autogenerate`), or revert the"
    " manual change.",
    "history": "Write the missing revision (`migrate revision --autogenerate`), or correct the"
    " models.",
}


def check(invocation: Invocation) -> None:
    """Print how models and database differ.

    Raises `SchemaDrift` if they do, and what `refuse_elsewhere` raises.
    """
    if invocation.options.deep:
        _check_deeply(invocation)
        return
    # The models match the heads, whatever a run's target is.
    request = Request("upgrade", ("heads",))
    run = prepare_run(invocation.load_settings(), invocation.report, request, read_only=True)
    found: list[object] = []
    attempt_until_done(
        run,
        refuse_elsewhere,
        lambda this, offer: found.extend(run.project.compare_models(offer, this)),
    )
    _answer(invocation, [describe_difference(each) for each in found], "database")


def _check_deeply(invocation: Invocation) -> None:
    """Compare the models with the history, by dumps."""
    with developer_tools("check --deep"):
        from migration_runner.workshop.models_check import describe_models  # noqa: PLC0415 - not in the image
    settings = invocation.load_settings()
    settings.require_one_history()
    _answer(invocation, describe_models(settings), "history")


def _answer(invocation: Invocation, differences: Sequence[str], place: str) -> None:
    if invocation.options.as_json or not streams.answers_on_terminal():
        streams.write_facts({"differences": differences})
    else:
        streams.write_answer("\n".join(differences) or f"Models and {place} match.")
    if differences:
        # Standard output has all of them.
        count = len(differences)
        named = [" ".join(each.split()).rstrip(".") for each in differences[:_NAMED]]
        shown = [shorten(each, _LONGEST) for each in named]
        more = f", and {count - _NAMED} more" if count > _NAMED else ""
        message = (
            f"Models and {place} differ in {count_of(count, 'place')}:"
            f" {'; '.join(shown)}{more}. {_ADVICE[place]}"
        )
        raise SchemaDrift(message, differences=count)
