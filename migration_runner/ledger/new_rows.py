"""The rows that a run adds to the ledger."""

from __future__ import annotations

import dataclasses
import os

from migration_runner.history.history import Revision
from migration_runner.history.revision_digest import RevisionDigest, digest_revision
from migration_runner.ledger.rows import LedgerEntry, LedgerRow


def describe_row(direction: str, revision: Revision, seconds: float | None) -> LedgerRow:
    """Return the row of a revision that the image has; `seconds` if its duration is known."""
    if revision.file_sha256:
        digest = RevisionDigest(revision.file_sha256, revision.code_sha256)
    else:
        digest = digest_revision(revision.path)
    return LedgerRow(
        direction,
        revision.id,
        revision.parents,
        revision.breaks_before,
        revision.description,
        os.path.basename(revision.path),  # noqa: PTH119 - a path object takes longer than the row
        digest.file_sha256,
        digest.code_sha256,
        seconds,
    )


def move_row(entry: LedgerEntry, parents: tuple[str, ...]) -> LedgerRow:
    """Return a row with other parents; what was applied is still what it was."""
    known = {each.name: getattr(entry, each.name) for each in dataclasses.fields(LedgerRow)}
    return LedgerRow(**{**known, "direction": "adopted", "parents": parents})


def accept_row(entry: LedgerEntry, revision: Revision) -> LedgerRow:
    """Return a row with the revision's file as it is now; it is still applied where it was.

    Its direction is one that all releases know: an older image accepts the file as well.
    """
    row = describe_row("adopted", revision, None)
    message = f"accepted edit: {revision.description}"
    return dataclasses.replace(row, parents=entry.parents, message=message)
