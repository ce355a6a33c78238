"""The image's revisions: read once, judged before anything is touched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from migration_runner.errors import HistoryError


class Revision(NamedTuple):
    """One revision of the history. `parents` has its `down_revision` and its `depends_on`.

    An image must have `breaks_before`, too, to live with a database that this is applied to.
    """

    id: str
    parents: tuple[str, ...]
    labels: frozenset[str]
    path: str
    description: str
    breaks_before: str | None = None
    # Those of its parents that it only depends on.
    dependencies: frozenset[str] = frozenset()
    # Of its file and of the program in it, where a build has noted them.
    file_sha256: str | None = None
    code_sha256: str | None = None


@dataclass(frozen=True)
class History:
    """The image's revision graph. `heads` are Alembic's: what nothing descends from."""

    revisions: dict[str, Revision]
    heads: tuple[str, ...]

    def unknown(self, revisions: Iterable[str]) -> list[str]:
        """Return those of `revisions` that are not in this history."""
        return [revision for revision in revisions if revision not in self.revisions]

    def with_ancestors(self, revisions: Iterable[str]) -> set[str]:
        """Return `revisions` and everything that they descend from or depend on."""
        found: set[str] = set()
        ahead = list(revisions)
        while ahead:
            revision = self.revisions.get(ahead.pop())
            if revision is not None and revision.id not in found:
                found.add(revision.id)
                ahead += revision.parents
        return found

    def in_order(self, revisions: Iterable[str]) -> list[str]:
        """Return those of `revisions` that are in this history, each behind its ancestors."""
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
        """Return the heads of a database at `heads` once `applied` are, too.

        It is asked after every revision: what lies below the heads is not gone through.
        """
        there = {revision for revision in (*heads, *applied) if revision in self.revisions}
        below = {parent for revision in there for parent in self.revisions[revision].parents}
        return tuple(sorted(there - below))

    def check_breaks(self) -> None:
        """Raise `HistoryError` for a `breaks_before` that is no ancestor of its revision."""
        for revision in self.revisions.values():
            line = revision.breaks_before
            if line is not None and not self._has_ancestor(revision, line):
                message = (
                    f"{revision.path} (revision {revision.id}) has breaks_before = {line!r}, which"
                    " is none of its ancestors. Name the whole id of the oldest revision that an"
                    " image must have to work behind this one."
                )
                raise HistoryError(message, reason="broken_history", revision=revision.id)

    def _has_ancestor(self, revision: Revision, line: object) -> bool:
        """Whether `line` names a revision or an ancestor of it, of which most are close by.

        Compared, not looked up: anything can be written there, also what has no hash.
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
        """Raise `HistoryError` when there are several heads, naming them and what joins them."""
        if len(self.heads) > 1:
            named = "; ".join(
                f"{head} ({self.revisions[head].path})" for head in sorted(self.heads)
            )
            message = (
                f"The history has {len(self.heads)} heads: {named}."
                " Join them with `alembic merge heads -m '...'`,"
                " or take all of them with MIGRATE_TARGET=heads."
            )
            raise HistoryError(message, reason="several_heads", heads=sorted(self.heads))


def check_consistency(revisions: Sequence[Revision]) -> None:
    """Raise `HistoryError` for revision ids that are there twice, and for parents that are not."""
    problems = []
    first: dict[str, Revision] = {}
    for revision in revisions:
        if revision.id in first:
            problems.append(
                f"revision {revision.id} is in two files, {first[revision.id].path} and"
                f" {revision.path}: give one of them another id (`revision = ...`)"
            )
        first.setdefault(revision.id, revision)
    known = set(first).union(*(revision.labels for revision in revisions))
    problems += [
        f"{revision.path} (revision {revision.id}) builds on {parent}, which is not there:"
        " copy the missing file into the image, or correct its down_revision"
        for revision in revisions
        for parent in revision.parents
        if parent not in known and not _abbreviates(parent, known)
    ]
    if problems:
        message = "The history is broken: " + "; ".join(problems) + "."
        raise HistoryError(message, reason="broken_history", problems=problems)


def _abbreviates(parent: str, known: Iterable[str]) -> bool:
    """Alembic takes the first characters of a revision id in `depends_on`."""
    return any(revision.startswith(parent) for revision in known)
