"""The checks of `migrate verify`, one after another: what needs no server comes first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError, HistoryError, MigrationError, RevisionFailed
from migration_runner.log.counts import count_of
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.checks import CHECKS, Group, Level
from migration_runner.workshop.env_check import check_env
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk import lint
from migration_runner.workshop.hazards.statement import Statement
from migration_runner.workshop.history_checks import check_history, revision_files
from migration_runner.workshop.models_check import check_models
from migration_runner.workshop.programs import major_of
from migration_runner.workshop.result import VerifyResult
from migration_runner.workshop.trial import Trial, Trials
from migration_runner.workshop.waivers import apply_waivers
from migration_runner.workshop.workbench import Workbench, open_workbench

# With these, no server has to be started.
_UNUSABLE: Final = frozenset({"broken-file", "broken-history", "several-heads"})
_FAILS: Final = "upgrade-fails"
# Of hazards, those that the server refuses in any case.
_REFUSED: Final = frozenset({"needs-autocommit", "enum-value-too-early"})
_OTHER_SERVER: Final = (
    "The database's server is PostgreSQL {target}, which may lock and rewrite in another way."
    " MIGRATE_POSTGRES={major} takes a server of that version, if one is installed here."
)
_SQUAWK: Final = "squawk-"
# Why env.py, and not the command, has to be corrected.
_OF_ENV: Final = frozenset({"env_failed", "import_error", "placeholder_url"})


@dataclass
class _Run:
    """What a server has shown: of the revisions that were `tried`, with what it was."""

    findings: list[Finding] = field(default_factory=list)
    tried: Sequence[str] = ()
    server: str = ""
    squawk: str = ""
    notes: list[str] = field(default_factory=list)


def verify(
    settings: Settings,
    new: Collection[str] | None,
    base: str = "",
    *,
    least: Level = Level.NOTE,
    target: str = "",
) -> VerifyResult:
    """Check a history, each of its `new` revisions (None: all), and the models.

    `base` is what does not have the new ones. Hazards below the `least` level are only counted.
    `target` is the version of the server that the revisions are for, where that is known.
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
    run = _run(settings, project, checked, below, target)
    findings = apply_waivers(
        # That env.py cannot be imported is found before it is run, and again then.
        list({_key(each): each for each in (*run.findings, *findings)}.values()),
        files,
        checked=[Path(project.history.revisions[each].path) for each in run.tried],
        checks=[each for each in CHECKS if not (run.squawk and each.startswith(_SQUAWK))],
    )
    minor = [each for each in findings if _is_minor(each, least)]
    if minor:
        run.notes.append(
            f"Not listed: {count_of(len(minor), 'short lock')} (--fail-on note lists them)."
        )
    if new is not None:
        others = count_of(len(revisions) - len(checked), "revision")
        run.notes.insert(0, f"Not tried: {others} that {base} has (--all tries all).")
    return VerifyResult(
        [each for each in findings if each not in minor],
        len(checked),
        len(revisions),
        run.server,
        run.notes,
        run.squawk,
        configuration,
    )


def _is_minor(finding: Finding, least: Level) -> bool:
    check = CHECKS[finding.check]
    return check.group is Group.HAZARD and check.level < least and not finding.waived


def _key(finding: Finding) -> object:
    if finding.check == "env" and finding.line is not None:
        return finding.check, finding.file, finding.line
    return finding


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
    settings: Settings,
    project: AlembicProject,
    checked: Sequence[str],
    below: Sequence[str],
    target: str,
) -> _Run:
    """Run the revisions on a server of our own, and return what that has shown."""
    run = _Run()
    try:
        with open_workbench(settings, project, below) as bench:
            _check_on(bench, checked, run)
            run.server = bench.description
            if target and major_of(target) != bench.databases.major:
                run.notes.append(_OTHER_SERVER.format(target=target, major=major_of(target)))
    except RevisionFailed as error:
        # Of those below, which were not to be checked.
        run.findings.append(_failure("upgrade-fails", error))
    except ConfigError as error:
        if error.facts.get("reason") not in _OF_ENV:
            raise
        run.findings.append(_failure("env", error))
    return run


def _check_on(bench: Workbench, checked: Sequence[str], run: _Run) -> None:
    bench.remember_files()
    trial = Trials(bench).run(checked, observe=True)
    run.tried = trial.tried
    statements = [each for found in trial.statements.values() for each in found]
    hazards, run.squawk = _hazards(bench, statements)
    run.findings += _merge(trial.findings, hazards)
    if trial.not_undone:
        run.notes.append(_not_undone(trial))
    if trial.stopped_at:
        run.notes.append(
            "The models were not checked."
            if trial.stopped_at == checked[-1]
            else f"What comes after {trial.stopped_at} was not checked, nor were the models."
        )
        return
    heads = bench.project.history.heads
    if len(heads) == 1:
        bench.remember(heads[0])
    run.findings += _models(bench, run.notes)


def _merge(trial: Sequence[Finding], hazards: Sequence[Finding]) -> list[Finding]:
    """Return all findings; where the server's refusal has a known cause, as one."""
    causes = {each.revision: each for each in hazards if each.check in _REFUSED}
    merged = []
    for finding in trial:
        cause = causes.get(finding.revision) if finding.check == _FAILS else None
        if cause is not None:
            hazards = [each for each in hazards if each is not cause]
            finding = replace(finding, advice=f"{cause.message} {cause.advice}")  # noqa: PLW2901 - with its cause
        merged.append(finding)
    return [*merged, *hazards]


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
    return f"Downgrade not tried (none is promised, or the history branches): {names}{more}."


def _failure(check: str, error: MigrationError) -> Finding:
    file = error.facts.get("file")
    revision = error.facts.get("revision", "")
    place = Path(file) if file else None
    return Finding(check, error.message, "", revision, place, error.facts.get("line"))
