"""`migrate rebase`: puts one's own new revisions on top of another branch's head."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_runner.commands.applied import read_applied
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import HistoryError, UsageError
from migration_runner.log import streams
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings
from migration_runner.workshop.formats.places import relative
from migration_runner.workshop.git import Git, NoGit
from migration_runner.workshop.head_file import head_file_content
from migration_runner.workshop.rebase import Plan, plan_rebase, require_not_applied
from migration_runner.workshop.replacing import replace_files
from migration_runner.workshop.revision_edit import with_parent


@dataclass(frozen=True)
class _Own:
    """One's own revisions; of them, those that another branch brings along, and what says so."""

    revisions: Collection[str]
    incoming: Collection[str]
    origin: str
    git: Git | None


def rebase(invocation: Invocation) -> None:
    """Rebase each history: re-point one's own revisions, and write head.txt where there is one.

    Raises `HistoryError` if that is not possible, or with `--check` if something is to be done;
    `UsageError` if nothing says which revisions are one's own.
    """
    for _, settings in invocation.load_settings().each_history():
        _rebase_history(invocation, settings)


def _rebase_history(invocation: Invocation, settings: Settings) -> None:
    options = invocation.options
    project = AlembicProject(settings.alembic)
    folder = project.folders[0]
    own, applied = _find_own(invocation, settings, project)
    plan = plan_rebase(project.history, own.revisions, own.incoming)
    require_not_applied(plan, applied, "The database")
    contents = {move.file: with_parent(move.file, move.after) for move in plan.moves}
    head_file = head_file_content(folder, plan.heads)
    contents |= head_file
    sentences = [move.sentence() for move in plan.moves]
    sentences += [f"{file.name} names {', '.join(plan.heads) or 'nothing'}." for file in head_file]
    if contents and options.check:
        message = f"There is something to rebase: {' '.join(sentences)} Run `migrate rebase`."
        raise HistoryError(message, reason="to_rebase", revisions=[m.revision for m in plan.moves])
    _write(contents)
    if not contents:
        sentences = [f"Nothing to rebase: there is {_describe(plan.heads)}."]
    elif plan.moves:
        sentences.append(
            f"Counted as your own: {own.origin}. Now there is {_describe(plan.heads)}."
        )
    if own.git and (open_ := [file for file in contents if own.git.is_conflicted(file)]):
        sentences.append(f"Tell git that it is resolved: git add {' '.join(map(relative, open_))}")
    invocation.report.conclusion = "rebased" if contents else "up_to_date", " ".join(sentences)
    if options.as_json or not streams.answers_on_terminal():
        streams.write_facts(_facts(plan, list(contents), own.origin))
    else:
        streams.write_answer("\n".join(sentences))


def _write(contents: dict[Path, bytes]) -> None:
    try:
        replace_files(contents)
    except OSError as error:
        message = f"{error.filename} cannot be written: {error.strerror}. No file was changed."
        raise UsageError(message) from None


def _facts(plan: Plan, files: Sequence[Path], origin: str) -> dict[str, object]:
    moves = [
        {"revision": m.revision, "file": str(m.file), "before": m.before, "after": m.after}
        for m in plan.moves
    ]
    written = [str(file) for file in files]
    return {"moved": moves, "written": written, "heads": list(plan.heads), "own_by": origin}


def _describe(heads: Sequence[str]) -> str:
    if not heads:
        return "no revision"
    return f"{'one head' if len(heads) == 1 else 'a head for each branch'}, {', '.join(heads)}"


def _find_own(
    invocation: Invocation, settings: Settings, project: AlembicProject
) -> tuple[_Own, set[str]]:
    """Return one's own revisions, and those that the database has, if one is named."""
    options, history = invocation.options, project.history
    # With one head, none has to be one's own.
    if len(history.heads) <= 1 and not options.base and not options.applied:
        return _Own((), (), "", _git(project)), set()
    applied: set[str] | None = None
    if options.applied or settings.database is not None:
        applied = read_applied(invocation, settings, required=options.applied)
    try:
        git = Git(project.folders[0])
    except NoGit as error:
        if options.base or applied is None:
            message = (
                f"Which revisions are your own is not known: {error}. Run it in a git repository,"
                " or name a database that has those of the others (DATABASE_URL, --applied)."
            )
            raise UsageError(message, reason="own_unknown") from None
        own = history.revisions.keys() - applied
        roots = [each for each in own if own.isdisjoint(history.revisions[each].parents)]
        if len(roots) > 1 and len(history.heads) > 1:
            message = (
                f"The database has none of {', '.join(sorted(roots))}: which of them are your own"
                " is not known. Apply those of the others first, or run it in a git repository."
            )
            raise HistoryError(message, reason="own_unknown", revisions=sorted(roots)) from None
        return _Own(own, (), "what the database does not have", None), applied
    base = git.base(options.base)
    folders = project.folders[1:]
    try:
        own = history.revisions.keys() - git.revisions(base, folders)
        incoming = git.incoming()
        first = git.revisions(incoming, folders) if incoming else set()
    except (NoGit, ValueError) as error:
        message = f"git cannot say which revisions {base} has: {error}."
        raise UsageError(message, reason="own_unknown") from None
    return _Own(own, own & first, f"what {base} does not have", git), applied or set()


def _git(project: AlembicProject) -> Git | None:
    try:
        return Git(project.folders[0])
    except NoGit:
        return None
