"""The relation of the database to the image: behind, at head, ahead, diverged.

Both are sets of revisions with all their ancestors. The image's set is its history; the database's
is its heads and their ancestors, known from the image's files or, for other revisions, from the
ledger. `AHEAD` is proved: the database contains the image's whole history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from migration_runner.history.history import History

BEHIND: Final = "behind"
AT_HEAD: Final = "at head"
AHEAD: Final = "ahead"
DIVERGED: Final = "diverged"
UNPROVED: Final = "unproved"


class Recorded(Protocol):
    """What the ledger has about a revision."""

    @property
    def parents(self) -> Sequence[str]:
        """The revisions that it descends from or depends on."""

    @property
    def breaks_before(self) -> str | None:
        """The revision that an image must have to work with this one."""


@dataclass(frozen=True)
class Relation:
    """The relation, and the revisions that it follows from.

    `unknown` are the database's revisions that the image does not have, as far as the ledger
    records them; `missing` the image's heads that the database does not contain; `breaks` the
    unknown revisions that this image is too old for, each with the revision that it would need.
    """

    kind: str
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    breaks: tuple[tuple[str, str], ...] = ()


def relate(history: History, heads: Sequence[str], ledger: Mapping[str, Recorded]) -> Relation:
    """Return the relation of a database at `heads`; `ledger` has each revision's last row."""
    contained: set[str] = set()
    unknown: set[str] = set()
    gap = False
    ahead = list(heads)
    while ahead:
        revision = ahead.pop()
        if revision in contained:
            continue
        contained.add(revision)
        if known := history.revisions.get(revision):
            ahead += known.parents
        elif recorded := ledger.get(revision):
            unknown.add(revision)
            ahead += recorded.parents
        else:
            unknown.add(revision)
            gap = True
    missing = tuple(sorted(set(history.heads) - contained))
    if not unknown:
        return Relation(BEHIND if missing else AT_HEAD, missing=missing)
    if missing or not history.revisions:
        # Any database contains an empty history, but an image without revisions is a mistake.
        kind = UNPROVED if gap or not missing else DIVERGED
        return Relation(kind, tuple(sorted(unknown)), missing)
    breaks = tuple(
        (revision, needed)
        for revision in sorted(unknown)
        if (recorded := ledger.get(revision))
        and (needed := recorded.breaks_before)
        and needed not in history.revisions
    )
    return Relation(AHEAD, tuple(sorted(unknown)), breaks=breaks)
