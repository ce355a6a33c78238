"""How the database and the image stand to each other: behind, at head, ahead, diverged.

Both are sets of revisions that contain every ancestor of their members. The image's set is its
history; the database's is what its heads descend from, by the image's files where it knows a
revision and by the ledger where it does not. Ahead is what is proved: the whole image is in there.
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
    """What the ledger has on a revision."""

    @property
    def parents(self) -> Sequence[str]:
        """What it descends from or depends on."""

    @property
    def breaks_before(self) -> str | None:
        """The revision that an image must have to live with this one."""


@dataclass(frozen=True)
class Relation:
    """The relation, and what shows it.

    `unknown` are the database's revisions that the image does not have, as far as the ledger
    tells; `missing` the image's heads that the database does not contain; `breaks` the unknown
    revisions that this image is too old for, each with the revision that it would need.
    """

    kind: str
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    breaks: tuple[tuple[str, str], ...] = ()


def relate(history: History, heads: Sequence[str], ledger: Mapping[str, Recorded]) -> Relation:
    """Return the relation of a database at `heads`, of which `ledger` has the last rows."""
    there: set[str] = set()
    unknown: set[str] = set()
    gap = False
    ahead = list(heads)
    while ahead:
        revision = ahead.pop()
        if revision in there:
            continue
        there.add(revision)
        if known := history.revisions.get(revision):
            ahead += known.parents
        elif recorded := ledger.get(revision):
            unknown.add(revision)
            ahead += recorded.parents
        else:
            unknown.add(revision)
            gap = True
    missing = tuple(sorted(set(history.heads) - there))
    if not unknown:
        return Relation(BEHIND if missing else AT_HEAD, missing=missing)
    if missing or not history.revisions:
        # Nothing is in everything, but an image without revisions was hardly meant to be.
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
