"""The graph that revision files declare, with all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from migration_runner.project.every_file import LoadedFile
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.revision_source import line_of


class Graph:
    """Revisions and what each is on top of. Of several files with one id, the first counts."""

    def __init__(self, declared: Sequence[LoadedFile], *, complete: bool = True) -> None:
        """Without a file whose id is not known, it is not `complete`: parents may be missing."""
        self._complete = complete
        self._declared = sorted(declared, key=lambda each: each.file)
        self._revisions: dict[str, LoadedFile] = {}
        for each in self._declared:
            self._revisions.setdefault(each.id, each)
        self.files = {name: each.file for name, each in self._revisions.items()}
        self._labels = {label: each.id for each in declared for label in each.labels}

    @cached_property
    def problems(self) -> list[Finding]:
        """Duplicate ids and labels, missing parents, and cycles."""
        return [
            *self._duplicates(),
            *self._duplicate_labels(),
            *(self._missing() if self._complete else ()),
            *self._cycles(),
        ]

    def heads(self) -> list[str]:
        """Return the heads, as Alembic's: `depends_on` makes no difference."""
        below = {parent for each in self._declared for parent in each.down_revision}
        return sorted(self._revisions.keys() - below)

    def _duplicates(self) -> Iterator[Finding]:
        for each in self._declared:
            first = self._revisions[each.id]
            if each is not first:
                message = f"The id {each.id} is also that of {first.file.name}."
                advice = "Change one of them, also where another file has it as down_revision."
                yield _finding(each, message, advice, "revision")

    def _duplicate_labels(self) -> Iterator[Finding]:
        used: dict[str, LoadedFile] = {}
        for each in self._declared:
            for label in each.labels:
                first = used.setdefault(label, each)
                if first is not each and first.id != each.id:
                    message = f"The branch label {label} is also that of {first.file.name}."
                    yield _finding(each, message, "Change one of them.", "branch_labels")

    def _missing(self) -> Iterator[Finding]:
        for each in self._declared:
            for name, parents in _parents(each):
                for parent in parents:
                    if self._resolve(parent, name) is None:
                        what = "id" if name == "down_revision" else "id or label"
                        message = f"{name} has {parent}, and no file has that {what}."
                        yield _finding(each, message, self._advise(parent, name), name)

    def _advise(self, parent: str, name: str) -> str:
        if parent in self._labels:
            return "A branch label will not do: write a revision's id."
        whole = [revision for revision in self._revisions if revision.startswith(parent)]
        if len(whole) == 1:
            return f"The beginning of an id will not do: write {whole[0]}."
        return f"Add the missing file, or correct {name}."

    def _resolve(self, parent: str, name: str) -> str | None:
        """Return the revision that is meant; `depends_on` takes labels, too."""
        if parent in self._revisions:
            return parent
        return None if name == "down_revision" else self._labels.get(parent)

    def _above(self, revision: str) -> set[str]:
        return {
            found
            for name, parents in _parents(self._revisions[revision])
            for parent in parents
            if (found := self._resolve(parent, name)) is not None
        }

    def _cycles(self) -> Iterator[Finding]:
        """Yield each cycle once."""
        parents = {name: self._above(name) for name in self._revisions}
        children: dict[str, set[str]] = {name: set() for name in parents}
        for name, above in parents.items():
            for parent in above:
                children[parent].add(name)
        left = set(parents)
        # What leads to nothing, upwards or downwards, is in no cycle.
        while left := _without_ends(_without_ends(left, parents, children), children, parents):
            cycle = _walk(min(left), parents, left)
            first = min(cycle, key=lambda name: self.files[name])
            start = cycle.index(first)
            named = " -> ".join([*cycle[start:], *cycle[:start], first])
            yield _finding(
                self._revisions[first],
                f"Each of these is on top of the next one, in a circle: {named}.",
                "Correct down_revision, or depends_on, in one of them.",
                "down_revision",
            )
            left -= set(cycle)


def _parents(revision: LoadedFile) -> Iterable[tuple[str, tuple[str, ...]]]:
    return ("down_revision", revision.down_revision), ("depends_on", revision.depends_on)


def _without_ends(
    names: set[str], forwards: dict[str, set[str]], backwards: dict[str, set[str]]
) -> set[str]:
    """Return what is left once those that lead to nothing are taken away, again and again."""
    left = set(names)
    degrees = {name: len(forwards[name] & left) for name in left}
    ends = [name for name, degree in degrees.items() if not degree]
    while ends:
        name = ends.pop()
        left.discard(name)
        for other in backwards[name] & left:
            degrees[other] -= 1
            if not degrees[other]:
                ends.append(other)
    return left


def _walk(name: str, parents: dict[str, set[str]], among: set[str]) -> list[str]:
    """Return a cycle among revisions of which each has a parent."""
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = min(parents[name] & among)
    walked = list(path)
    return walked[walked.index(name) :]


def _finding(revision: LoadedFile, message: str, advice: str, name: str) -> Finding:
    line = line_of(revision.file, name)
    return Finding("broken-history", message, advice, revision.id, revision.file, line)
