"""The checks of `migrate verify`, one after another: what needs no server comes first."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError, HistoryError, MigrationError, RevisionFailed
from migration_runner.log.counts import count_of
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.env_check import check_env
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk import lint
from migration_runner.workshop.hazards.statement import Statement
from migration_runner.workshop.history_checks import check_history, revision_files
from migration_runner.workshop.models_check import check_models
from migration_runner.workshop.result import VerifyResult
from migration_runner.workshop.trial import Trial, Trials
from migration_runner.workshop.waivers import apply_waivers
from migration_runner.workshop.workbench import Workbench, open_workbench

# With these, no server has to be started.
_UNUSABLE: Final = frozenset({"broken-file", "broken-history", "several-heads"})
_DUMPS_AT_A_TIME: Final = 2


def verify(settings: Settings, new: Collection[str] | None, base: str) -> VerifyResult:
    """Check a history, each of its `new` revisions (None: all), and the models.

    `base` is what does not have the new ones.

    Raises `ConfigError` if there is no server, or if no environment suits the project.
    """
    findings = [*check_history(settings), *check_env(settings)]
    files = revision_files(settings)
    configuration = Path(settings.alembic.files[0])
    if any(each.check in _UNUSABLE for each in findings):
        return VerifyResult(
            apply_waivers(findings, files, checked=()),
            0,
            len(files),
            notes=["The revisions were not run: the history has to be corrected first."],
            configuration=configuration,
        )
    project = AlembicProject(settings.alembic)
    revisions = project.history.in_order(project.history.revisions)
    checked = _with_descendants(project, revisions, new)
    below = project.history.heads_after((), [each for each in revisions if each not in checked])
    found = _run(settings, project, checked, below)
    findings = apply_waivers(
        [*findings, *found.findings],
        files,
        checked=[Path(project.history.revisions[each].path) for each in checked],
    )
    notes = list(found.notes)
    if new is not None:
        others = len(revisions) - len(checked)
        notes.insert(
            0, f"{count_of(others, 'revision')} of {base} were not tried; --all tries all."
        )
    return dataclasses.replace(
        found,
        notes=notes,
        findings=findings,
        revisions=len(checked),
        all_revisions=len(revisions),
        configuration=configuration,
    )


def _with_descendants(
    project: AlembicProject, revisions: Sequence[str], new: Collection[str] | None
) -> list[str]:
    """Return the revisions to check, in their order: what follows a new one is new, too."""
    if new is None:
        return list(revisions)
    found: list[str] = []
    for each in revisions:
        if each in new or any(one in found for one in project.history.revisions[each].parents):
            found.append(each)
    return found


def _run(
    settings: Settings, project: AlembicProject, checked: Sequence[str], below: Sequence[str]
) -> VerifyResult:
    """Run the revisions on a server of our own, and return what that has shown."""
    notes: list[str] = []
    try:
        with open_workbench(settings, project, below) as bench:
            findings, squawk = _check_on(bench, checked, notes)
            return VerifyResult(findings, 0, 0, bench.description, notes, squawk)
    except RevisionFailed as error:
        # Of those below, which were not to be checked.
        return VerifyResult([_failure("upgrade-fails", error)], 0, 0, notes=notes)
    except ConfigError as error:
        if error.facts.get("reason") in ("env_failed", "import_error", "placeholder_url"):
            return VerifyResult([_failure("env", error)], 0, 0, notes=notes)
        raise


def _check_on(
    bench: Workbench, checked: Sequence[str], notes: list[str]
) -> tuple[list[Finding], str]:
    with ThreadPoolExecutor(_DUMPS_AT_A_TIME) as pool:
        trial = Trials(bench, pool).run(checked, observe=True)
    statements = [each for found in trial.statements.values() for each in found]
    hazards, squawk = _hazards(bench, statements)
    findings = [*trial.findings, *hazards]
    if trial.stopped_at:
        notes.append(f"What comes after {trial.stopped_at} was not checked, nor were the models.")
        return findings, squawk
    if trial.not_undone:
        notes.append(_not_undone(trial))
    heads = bench.project.history.heads
    if len(heads) == 1:
        bench.remember(heads[0])
    findings += _models(bench, notes)
    return findings, squawk


def _hazards(bench: Workbench, statements: Sequence[Statement]) -> tuple[list[Finding], str]:
    """Return what was observed, and what squawk says of the same statements."""
    revisions = bench.project.history.revisions.values()
    breaking = [each.id for each in revisions if each.breaks_before is not None]
    major = bench.databases.major
    observed = judge(statements, major=major, breaking=breaking)
    linted = lint(statements, major=major, breaking=breaking)
    # It is asked only for what is not observed.
    return [*observed, *linted.findings], linted.problem


def _models(bench: Workbench, notes: list[str]) -> list[Finding]:
    try:
        check = check_models(bench)
    except ConfigError as error:
        if error.facts.get("reason") != "no_metadata":
            raise
        notes.append("Models were not compared: env.py passes no target_metadata.")
        return []
    except HistoryError as error:
        if error.facts.get("reason") != "models_not_created":
            raise
        return [Finding("models-differ", error.message)]
    notes += [
        f"{file} defines tables, but nothing imports it: they are not in the metadata."
        for file in check.models.unimported
    ]
    return [
        Finding("models-differ", each.sentence, each.advice or _statements(each.upgrade))
        for each in check.differences
    ]


def _statements(upgrade: Sequence[str]) -> str:
    if not upgrade:
        return "Write a revision: migrate revision --autogenerate."
    return f"Write a revision (migrate revision --autogenerate): {'; '.join(upgrade)}"


def _not_undone(trial: Trial) -> str:
    names = ", ".join(trial.not_undone[:3])
    more = f" and {len(trial.not_undone) - 3} more" if len(trial.not_undone) > 3 else ""  # noqa: PLR2004 - those that are named
    return f"Not undone, since they promise no downgrade or the history branches: {names}{more}."


def _failure(check: str, error: MigrationError) -> Finding:
    file = error.facts.get("file")
    revision = error.facts.get("revision", "")
    place = Path(file) if file else None
    return Finding(check, error.message, "", revision, place, error.facts.get("line"))
