"""`migrate revision --autogenerate` without a database: written, tried, and compared again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.chosen_renames import Ask, choose_renames
from migration_runner.workshop.docstring import fill_questions
from migration_runner.workshop.dumps.difference import (
    SchemaDifference,
)
from migration_runner.workshop.dumps.renames import (
    PossibleRename,
)
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.models_check import check_models
from migration_runner.workshop.revision_writer import RevisionWriter, removed_if_interrupted
from migration_runner.workshop.workbench import WORK, open_workbench


class Options(Protocol):
    """What `words` say of these, as Alembic reads them."""

    head: str
    rev_id: str | None
    rename: Sequence[str] | None


@dataclass(frozen=True)
class Written:
    """What `autogenerate` has done. `file` is None if there was nothing to do.

    `left` is what still differs. `possible` are the renames that were taken for none.
    """

    server: str
    file: Path | None = None
    revision: str = ""
    left: Sequence[SchemaDifference] = ()
    findings: Sequence[Finding] = ()
    possible: Sequence[PossibleRename] = ()
    tried: Sequence[str] = ()
    unimported: Sequence[str] = ()
    compared: bool = False


def autogenerate(
    settings: Settings,
    words: Sequence[str],
    options: Options,
    ask: Ask,
) -> Written:
    """Write the revision that brings the history to the models. `words` are Alembic's.

    Raises `HistoryError` for several heads where none is named, `UsageError` for a rename of what
    is not there, and what a run raises where the history cannot be applied.
    """
    project = AlembicProject(settings.alembic)
    if options.head == "head":
        project.history.require_one_head()
    heads = project.history.heads
    with removed_if_interrupted() as begun, open_workbench(settings, project, heads) as bench:
        if len(heads) == 1:
            bench.remember(heads[0])
        check = check_models(bench)
        chosen, possible = choose_renames(check, options.rename or (), ask)
        # Alembic compares at one head only.
        if not check.differences and (len(heads) > 1 or not bench.alembics_differences(WORK)):
            return Written(bench.description, unimported=check.models.unimported)
        writer = RevisionWriter(bench, words, options.rev_id, chosen, check)
        begun.append(writer)
        left, trial = writer.write()
        if writer.file is not None:
            fill_questions(writer.file, trial, writer.lost)
        return Written(
            bench.description,
            writer.file,
            writer.revision if writer.file is not None else "",
            left,
            trial.findings,
            possible,
            trial.steps,
            check.models.unimported,
            compared=not trial.stopped_at,
        )
