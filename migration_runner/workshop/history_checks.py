"""The checks of a history that need no database: everything that is wrong, not only the first.

What a file that cannot be loaded declares is read from its source, so that its neighbours are not
called wrong for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from migration_runner.build.env_check import own_files
from migration_runner.build.revision_ids import find_long_ids
from migration_runner.database.known_errors import LONGEST_REVISION_ID
from migration_runner.errors import HistoryError
from migration_runner.history.history import BREAKS_ADVICE
from migration_runner.project.errors import name_place
from migration_runner.project.every_file import EveryFile, LoadedFile, UnloadedFile
from migration_runner.settings.settings import Settings
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.head_file import check_head_file
from migration_runner.workshop.history_graph import Graph
from migration_runner.workshop.revision_source import declares_id, line_of, read_source


def check_history(settings: Settings, *, longest_id: int | None = None) -> list[Finding]:
    """Return what is wrong with a history's files and with their order.

    `longest_id` is the length of the version table's column, if that is known. Raises `ConfigError`
    for a wrong configuration.
    """
    every = EveryFile(settings.alembic)
    sources = [read_source(each.file) for each in every.unloaded]
    declared = [*every.loaded, *(source for source in sources if source)]
    # A file without any id is no revision; of one that is computed, nothing is known.
    complete = not any(
        source is None and declares_id(each.file)
        for each, source in zip(every.unloaded, sources, strict=True)
    )
    graph = Graph(declared, complete=complete)
    findings = [_broken_file(each) for each in every.unloaded if not each.is_own_parent]
    findings += graph.problems
    if not findings:
        findings += _alembics_own(every)
    if complete and not graph.problems:
        heads = graph.heads()
        findings += _several_heads(graph, heads, settings.target)
        findings += check_head_file(every.folder, heads)
    findings += _long_ids(every, declared, longest_id)
    return findings


def revision_files(settings: Settings) -> list[Path]:
    """Return all revision files, also those that cannot be loaded."""
    every = EveryFile(settings.alembic)
    return [*(each.file for each in every.loaded), *(each.file for each in every.unloaded)]


def _broken_file(unloaded: UnloadedFile) -> Finding:
    message = f"The file cannot be imported: {unloaded.error}"
    if unloaded.place and Path(unloaded.place[0]).resolve() != unloaded.file.resolve():
        message += f" That is in {name_place(unloaded.place)}."
    source = read_source(unloaded.file)
    advice = "Correct it, or install what it imports."
    if unloaded.file.name.startswith("._"):
        advice = "It is no revision, but a file that macOS adds to archives: delete it."
    return Finding(
        "broken-file",
        message,
        advice,
        source.id if source else "",
        unloaded.file,
        unloaded.line or 1,
    )


def _alembics_own(every: EveryFile) -> Iterator[Finding]:
    """Yield what else Alembic, or a run, would refuse."""
    try:
        history = every.history()
    except HistoryError as error:
        yield Finding("broken-history", error.message)
        return
    for revision in history.wrong_breaks():
        file = Path(revision.path)
        message = f"breaks_before = {revision.breaks_before!r} is not an ancestor of {revision.id}."
        line = line_of(file, "breaks_before")
        yield Finding("broken-history", message, BREAKS_ADVICE, revision.id, file, line)


def _several_heads(graph: Graph, heads: Sequence[str], target: str) -> Iterator[Finding]:
    """Yield the heads, unless the target is not the one head."""
    if len(heads) < 2 or "head" not in target.split():  # noqa: PLR2004 - one, or several
        return
    places = "; ".join(f"{head} ({graph.files[head].name})" for head in heads)
    yield Finding(
        "several-heads",
        f"The history has {len(heads)} heads: {places}.",
        "Put your own revision on top of the other (`migrate rebase`), merge them (`migrate merge"
        " heads -m '...'`), or set MIGRATE_TARGET=heads if they are meant to stay.",
    )


def _long_ids(
    every: EveryFile, declared: Sequence[LoadedFile], longest: int | None
) -> Iterator[Finding]:
    files = {each.id: each.file for each in declared}
    sources = own_files(every.env_file)
    room = LONGEST_REVISION_ID if longest is None else longest
    for revision in find_long_ids(files, sources, every.url, longest):
        message = (
            f"The id {revision} has {len(revision)} characters, and the version table holds {room}:"
            " the revision could not be recorded."
        )
        advice = "Give it a shorter id, or widen the column version_num in an earlier revision."
        file = files[revision]
        yield Finding("long-id", message, advice, revision, file, line_of(file, "revision"))
