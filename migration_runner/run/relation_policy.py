"""What a relation means for a run: continue, end successfully, or end with 65 and a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migration_runner.database.version_tables import Place, name_place
from migration_runner.errors import HistoryError
from migration_runner.history.history import History, Revision
from migration_runner.history.relation import AHEAD, DIVERGED, UNPROVED
from migration_runner.history.revision_digest import digest_revision, file_sha256
from migration_runner.ledger.keeper import Entries, LedgerBooks
from migration_runner.ledger.rows import LedgerEntry
from migration_runner.log import events, logs
from migration_runner.run.context import RunContext


def accept_relation(run: RunContext, books: LedgerBooks, place: Place) -> bool:
    """Whether the database is ahead, which is accepted: there is nothing to do.

    Raises `HistoryError` if it has diverged, nothing is proved, a `breaks_before` excludes this
    image, or it is ahead with `MIGRATE_ON_AHEAD=fail`.
    """
    history, heads, relation = books.history, books.table.heads, books.relate()
    entries = books.ledger
    ours = ", ".join(sorted(history.heads)) or "base"
    theirs = ", ".join(heads)
    facts = {
        "database_heads": list(heads),
        "image_heads": sorted(history.heads),
        "unknown_revisions": list(relation.unknown),
    }
    if relation.kind == DIVERGED:
        message = (
            f"The database (at {theirs}) and the image (head {ours}) have diverged: the image does"
            f" not have {_applied(relation.unknown, entries)}, and the database does not have"
            f" {', '.join(relation.missing)}. Deploy an image that has both branches, merged with"
            " `alembic merge`."
        )
        raise HistoryError(message, reason="diverged", missing=list(relation.missing), **facts)
    if relation.kind == UNPROVED:
        raise HistoryError(
            _describe_unproved(books, ours, place), reason="unknown_revision", **facts
        )
    if relation.kind != AHEAD:
        return False
    who = _applied(relation.unknown, entries)
    if relation.breaks:
        broken = "; ".join(
            f"{revision} needs an image that has {needed}" for revision, needed in relation.breaks
        )
        message = (
            f"The database is ahead at {theirs}, and this image (head {ours}) is too old for it:"
            f" {broken} (breaks_before). Deploy a newer image, or downgrade the database before"
            " rolling back to this one."
        )
        raise HistoryError(message, reason="contract_broken", **facts)
    if run.settings.on_ahead == "fail":
        message = (
            f"The database is ahead at {theirs}: this image (head {ours}) does not have {who}, and"
            " MIGRATE_ON_AHEAD=fail. Deploy the newer image."
        )
        raise HistoryError(message, reason="ahead", **facts)
    builds = sorted({entries[each].build or "" for each in relation.unknown if each in entries})
    logs.get_logger().warning(events.DATABASE_AHEAD, **facts, builds=[b for b in builds if b])
    run.report.outcomes[place] = "ahead"
    run.report.ahead = (
        f"Ahead: the database is at {theirs} and contains all revisions of this image (head"
        f" {ours}), which does not have {who}."
    )
    return True


def _describe_unproved(books: LedgerBooks, ours: str, place: Place) -> str:
    theirs, unknown = ", ".join(books.table.heads), books.relate().unknown
    doubtful = f"it is not proved that the database (at {theirs}) contains this image's revisions"
    known = ", ".join(each for each in unknown if each in books.ledger.keys() - books.proving())
    found = f"The database has {', '.join(unknown)}, which this image (head {ours}) does not have."
    if known:
        return (
            f"{found} It was changed without the runner after the ledger's record of {known}, so"
            f" {doubtful}. Deploy an image that has both, or confirm the version table with the"
            f" newer image: migrate stamp {' '.join(books.table.heads)}."
        )
    return (
        f"{found} The ledger has no record of it, so {doubtful}. Deploy an image that has both, or"
        " run the newer image once, which records them. If the version table"
        f" {name_place(place)} is another application's, name your own in env.py (version_table,"
        " version_table_schema)."
    )


def find_edited(run: RunContext, books: LedgerBooks) -> dict[str, LedgerEntry]:
    """Return the applied revisions whose files were edited since, with their rows."""
    history, entries = books.history, books.ledger
    if run.settings.checksum == "off" or not entries:
        return {}
    return {
        revision: entry
        for revision in sorted(history.with_ancestors(books.table.heads))
        if (entry := entries.get(revision)) and _differs(entry, history.revisions[revision])
    }


def check_files(run: RunContext, books: LedgerBooks) -> None:
    """Warn about revision files that were edited after they were applied.

    Raises `HistoryError` with `MIGRATE_CHECKSUM=fail`.
    """
    edited = find_edited(run, books)
    for revision, entry in edited.items():
        if revision not in run.warned_edited:
            run.warned_edited.add(revision)
            _warn_edited(entry, books.history.revisions[revision].path)
    refuse_edited(run, books.history, edited)


def refuse_edited(run: RunContext, history: History, edited: Mapping[str, LedgerEntry]) -> None:
    """Raise `HistoryError` for edited files, with `MIGRATE_CHECKSUM=fail`."""
    if not edited or run.settings.checksum != "fail":
        return
    named = []
    for revision, entry in edited.items():
        path, when = history.revisions[revision].path, f"{entry.started_at:%Y-%m-%d %H:%M:%S %Z}"
        by = f"{entry.role}, {entry.host}" + (f", build {entry.build}" if entry.build else "")
        verb = "recorded" if entry.direction in ("adopted", "stamp") else "applied"
        named.append(f"{path} (revision {revision}), {verb} by {by} at {when.strip()}")
    message = (
        f"Edited after it was applied: {'; '.join(named)}. The database has the earlier version."
        " Restore the file and put the change into a new revision, or accept it for good"
        f" (migrate ledger accept {' '.join(edited)}) or for now (MIGRATE_CHECKSUM=warn)."
    )
    raise HistoryError(message, reason="edited_revision", edited=len(edited))


def _warn_edited(entry: LedgerEntry, path: str) -> None:
    logs.get_logger().warning(
        events.REVISION_EDITED,
        revision=entry.revision,
        file=path,
        direction=entry.direction,
        applied_at=entry.started_at.isoformat(),
        role=entry.role,
        host=entry.host,
        build=entry.build,
        run=entry.run_id,
    )


def _differs(entry: LedgerEntry, revision: Revision) -> bool:
    if entry.file_sha256 is None:
        return False
    if entry.file_sha256 == (revision.file_sha256 or file_sha256(revision.path)):
        return False
    code = digest_revision(revision.path).code_sha256
    return code is not None and entry.code_sha256 is not None and code != entry.code_sha256


def _applied(revisions: Sequence[str], entries: Entries) -> str:
    """Name revisions, with the build that applied them."""
    return ", ".join(
        f"{revision} (applied by build {entry.build})"
        if (entry := entries.get(revision)) and entry.build
        else revision
        for revision in revisions
    )
