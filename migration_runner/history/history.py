"""The image's revisions: read once, and checked before the database is touched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from migration_runner.errors import HistoryError

BREAKS_ADVICE: Final = (
    "Set it to the full id of the oldest revision that an image must have to work with this one."
)


class Revision(NamedTuple):
    """One revision of the history. `parents` has its `down_revision` and its `depends_on`.

    Once it is applied, the database needs images that have the revision `breaks_before`.
    """

    id: str
    parents: tuple[str, ...]
    labels: frozenset[str]
    path: str
    description: str
    breaks_before: str | None = None
    # The parents that are only in `depends_on`.
    dependencies: frozenset[str] = frozenset()
    # Of its file and of the code in it, if a build has recorded them.
    file_sha256: str | None = None
    code_sha256: str | None = None


@dataclass(frozen=True)
class History:
    """The image's revision graph. `heads` are Alembic's: revisions without descendants."""

    revisions: dict[str, Revision]
    heads: tuple[str, ...]

    def unknown(self, revisions: Iterable[str]) -> list[str]:
        """Return those of `revisions` that are not in this history."""
        return [revision for revision in revisions if revision not in self.revisions]

    def with_ancestors(self, revisions: Iterable[str]) -> set[str]:
        """Return `revisions` and all that they descend from or depend on."""
        found: set[str] = set()
        ahead = list(revisions)
        while ahead:
            revision = self.revisions.get(ahead.pop())
            if revision is not None and revision.id not in found:
                found.add(revision.id)
                ahead += revision.parents
        return found

    def in_order(self, revisions: Iterable[str]) -> list[str]:
        """Return those of `revisions` that are in this history, each after its ancestors."""
        wanted = set(revisions)
        ordered: dict[str, None] = {}
        for revision in sorted(wanted & self.revisions.keys()):
            path = [revision]
            while path:
                parents = self.revisions[path[-1]].parents
                if ahead := [p for p in parents if p in wanted and p not in ordered]:
                    path += ahead
                else:
                    ordered[path.pop()] = None
        return list(ordered)

    def heads_after(self, heads: Iterable[str], applied: Iterable[str]) -> tuple[str, ...]:
        """Return the heads of a database at `heads` after `applied` are applied.

        Called after every revision, so it does not traverse the history below the heads.
        """
        there = {revision for revision in (*heads, *applied) if revision in self.revisions}
        below = {parent for revision in there for parent in self.revisions[revision].parents}
        return tuple(sorted(there - below))

    def wrong_breaks(self) -> Iterator[Revision]:
        """Yield the revisions with a `breaks_before` that is not an ancestor of theirs."""
        for revision in self.revisions.values():
            line = revision.breaks_before
            if line is not None and not self._has_ancestor(revision, line):
                yield revision

    def check_breaks(self) -> None:
        """Raise `HistoryError` for the first of `wrong_breaks`."""
        for revision in self.wrong_breaks():
            message = (
                f"{revision.path} (revision {revision.id}) has breaks_before ="
                f" {revision.breaks_before!r}, which is not an ancestor. {BREAKS_ADVICE}"
            )
            raise HistoryError(message, reason="broken_history", revision=revision.id)

    def _has_ancestor(self, revision: Revision, line: object) -> bool:
        """Whether `line` is a revision or an ancestor of it; most are close.

        Compared, not looked up: the file can have any value there, even an unhashable one.
        """
        seen, ahead = {revision.id}, deque([revision])
        while ahead:
            each = ahead.popleft()
            if each.id == line:
                return True
            parents = [p for p in each.parents if p not in seen and p in self.revisions]
            seen.update(parents)
            ahead += (self.revisions[parent] for parent in parents)
        return False

    def require_one_head(self) -> None:
        """Raise `HistoryError` if there are several heads."""
        if len(self.heads) > 1:
            named = "; ".join(
                f"{head} ({self.revisions[head].path})" for head in sorted(self.heads)
            )
            message = (
                f"The history has {len(self.heads)} heads: {named}."
                " Merge them with `alembic merge heads -m '...'`,"
                " or upgrade to all of them with MIGRATE_TARGET=heads."
            )
            raise HistoryError(message, reason="several_heads", heads=sorted(self.heads))


def check_consistency(revisions: Sequence[Revision]) -> None:
    """Raise `HistoryError` for duplicate revision ids and for missing parents."""
    problems = []
    first: dict[str, Revision] = {}
    for revision in revisions:
        if revision.id in first:
            problems.append(
                f"revision {revision.id} is in two files, {first[revision.id].path} and"
                f" {revision.path}: change one of the ids (`revision = ...`)"
            )
        first.setdefault(revision.id, revision)
    known = set(first).union(*(revision.labels for revision in revisions))
    problems += [
        f"{revision.path} (revision {revision.id}) refers to {parent}, which does not exist:"
        " add the missing file to the image, or correct down_revision or depends_on"
        for revision in revisions
        for parent in revision.parents
        if parent not in known
    ]
    if problems:
        message = "The history is broken: " + "; ".join(problems) + "."
        raise HistoryError(message, reason="broken_history", problems=problems)
