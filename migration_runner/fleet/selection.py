"""Which of the targets: by name, by label, or the shard of one process of several."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from migration_runner.errors import UsageError
from migration_runner.fleet.numbers import parse_number
from migration_runner.fleet.targets import Target
from migration_runner.log.bounds import shorten

_LONGEST_WORD: Final = 40


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, the first being 0.

    A target's shard follows from its name alone: it stays when others come and go.
    """

    index: int
    count: int

    def has(self, name: str) -> bool:
        """Whether the target with this name belongs to the shard."""
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index


def parse_shard(text: str) -> Shard:
    """Read `I/N`, with I from 0 to N - 1. Raises `ValueError`."""
    index, count = map(parse_number, text.partition("/")[::2])
    if index is None or count is None or index >= count:
        message = f"must be I/N, with I from 0 to N - 1 (it is {shorten(text, _LONGEST_WORD)!r})"
        raise ValueError(message)
    return Shard(index, count)


def select_targets(
    targets: Sequence[Target],
    *,
    only: Sequence[str] = (),
    labels: Sequence[str] = (),
    shard: Shard | None = None,
) -> list[Target]:
    """Return those that are named, have one of the labels, and belong to the shard.

    Raises `UsageError` for a name or label that no target has, and if none has both.
    """
    require_known("target", only, (target.name for target in targets))
    require_labels(labels, targets)
    chosen = [
        target
        for target in targets
        if (not only or target.name in only) and (not labels or target.labels & {*labels})
    ]
    if only and labels and not chosen:
        message = "None of the targets of --only has a label of --select."
        raise UsageError(message)
    return [target for target in chosen if shard is None or shard.has(target.name)]


def require_labels(labels: Iterable[str], targets: Iterable[Target]) -> None:
    """Raise `UsageError` for a label that no target has."""
    require_known("label", labels, (label for target in targets for label in target.labels))


def require_known(kind: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UsageError` for what is `wanted` but not `known`, with what is most like it."""
    there = {*known}
    for each in wanted:
        if each in there:
            continue
        alike = difflib.get_close_matches(each, there, n=1)
        hint = f" (did you mean {alike[0]}?)" if alike else ""
        message = f"No target has the {kind} {each!r}{hint}."
        if kind == "target":
            message = f"There is no target {each!r}{hint}."
        raise UsageError(message)
