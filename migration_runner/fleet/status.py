"""`migrate fleet status`: how many targets are at which revision, and which of them differ."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from migration_runner.errors import MigrationError, PendingRevisions
from migration_runner.fleet.image import Image
from migration_runner.fleet.look import Sight, look_at
from migration_runner.fleet.results import FleetFailed
from migration_runner.fleet.targets import Target
from migration_runner.history.relation import AT_HEAD, BEHIND
from migration_runner.log.counts import count_of
from migration_runner.report.text_layout import render_table
from migration_runner.settings.settings import Settings

UNREACHABLE: Final = "unreachable"
REFUSED: Final = "refused"
UNREADABLE: Final = "unreadable"
UNKNOWN: Final = "unknown"
NO_SCHEMA: Final = "no schema"
NEWER: Final = "not in this image"
# The ones that need somebody first.
_ORDER: Final = (NO_SCHEMA, NEWER, REFUSED, UNREADABLE, UNREACHABLE, UNKNOWN, BEHIND, AT_HEAD)
# The exit code that a run of such a target ends with, or may end with: the worst is first.
_CODES: Final = {NO_SCHEMA: 78, NEWER: 65, REFUSED: 77, UNREADABLE: 77, UNREACHABLE: 69}
_MOST_NAMES: Final = 20
_MOST_GROUPS: Final = 10

Facts = dict[str, Any]


@dataclass(frozen=True)
class TargetStatus:
    """Where one target is."""

    target: str
    relation: str
    heads: tuple[str, ...] = ()
    pending: int = 0
    detail: str = ""

    def facts(self) -> Facts:
        """Return it for machines."""
        facts: Facts = {"target": self.target, "relation": self.relation}
        if self.relation in (AT_HEAD, BEHIND, NEWER):
            facts["heads"] = list(self.heads)
        if self.relation in (AT_HEAD, BEHIND):
            facts["pending"] = self.pending
        return facts | ({"detail": self.detail} if self.detail else {})


# What targets have in common, and their names.
Group = tuple[TargetStatus, list[str]]


class FleetStatus:
    """Where all targets are."""

    def __init__(self, image: Image, statuses: Sequence[TargetStatus]) -> None:
        self.statuses = statuses
        self.image = image

    def groups(self) -> list[Group]:
        """Return the names of the targets that differ in nothing else, with the first of them.

        Those that need somebody come last, where a terminal shows them; of each relation, the
        largest group comes first.
        """
        names: dict[TargetStatus, list[str]] = {}
        for each in self.statuses:
            names.setdefault(dataclasses.replace(each, target=""), []).append(each.target)
        return sorted(
            names.items(),
            key=lambda group: (-_ORDER.index(group[0].relation), -len(group[1]), group[0].heads),
        )

    def facts(self) -> Facts:
        """Return everything for machines."""
        return {
            "image": {
                "heads": list(self.image.heads),
                "revisions": len(self.image.history.revisions),
            },
            "targets": len(self.statuses),
            "relations": dict(Counter(each.relation for each in self.statuses)),
            "revisions": [
                {**_without_target(status), "count": len(names)} for status, names in self.groups()
            ],
            "results": [each.facts() for each in self.statuses],
        }

    def verdict(self) -> MigrationError | None:
        """Return what a check ends with; None if all targets are at head."""
        there = Counter(each.relation for each in self.statuses)
        said = ", ".join(f"{there[name]} {name}" for name in reversed(_ORDER) if there[name])
        message = f"{count_of(len(self.statuses), 'target')}: {said}."
        for relation, code in _CODES.items():
            if there[relation]:
                return FleetFailed(message, code, reason=relation.replace(" ", "_"))
        if there[BEHIND] or there[UNKNOWN]:
            return PendingRevisions(message, reason="targets_behind")
        return None


def _without_target(status: TargetStatus) -> Facts:
    return {name: each for name, each in status.facts().items() if name != "target"}


def look_at_fleet(
    targets: Sequence[Target], settings: Settings, image: Image, run_id: str
) -> FleetStatus:
    """Look at all targets, once."""
    sights = look_at(targets, settings, image, run_id)
    return FleetStatus(
        image, [_status(target, sights.get(target.name), image) for target in targets]
    )


def _status(target: Target, sight: Sight | None, image: Image) -> TargetStatus:
    if sight is None:
        detail = "only env.py knows where its version table is: name the schema, too"
        return TargetStatus(target.name, UNKNOWN, detail=detail)
    if sight.table is None:
        relation = REFUSED if sight.refused else UNREACHABLE
        return TargetStatus(target.name, relation, detail=sight.detail)
    if sight.missing and target.sets_search_path:
        detail = "its schema does not exist, or the role may not use it"
        return TargetStatus(target.name, NO_SCHEMA, detail=detail)
    if sight.table.heads is None:
        detail = "the version table cannot be read, or not all of its rows"
        return TargetStatus(target.name, UNREADABLE, detail=detail)
    kind, heads = image.relation(sight.table).kind, sight.table.heads
    if kind in (AT_HEAD, BEHIND):
        return TargetStatus(target.name, kind, heads, image.pending(sight.table))
    return TargetStatus(target.name, NEWER, heads)


def render_status(found: FleetStatus, width: int) -> str:
    """Render the groups, and the names in those that are not at head."""
    image = found.image
    lines = [
        f"image   {', '.join(image.heads) or 'base'}"
        f" ({count_of(len(image.history.revisions), 'revision')})",
        "",
    ]
    rows = [
        row
        for _, groups in itertools.groupby(found.groups(), lambda group: group[0].relation)
        for row in _render_groups(list(groups))
    ]
    lines.append(render_table(("targets", "state", "at", "details"), rows, width))
    return "\n".join(lines)


def _render_groups(groups: Sequence[Group]) -> Iterator[Sequence[str]]:
    """Render the groups of one relation."""
    for status, names in groups[:_MOST_GROUPS]:
        at = ", ".join(status.heads) or ("base" if status.relation == BEHIND else "")
        more = len(names) - _MOST_NAMES
        facts = (
            f"{status.pending} pending" if status.pending else "",
            # Those at head are no work, and usually many.
            " ".join(names[:_MOST_NAMES]) if status.relation != AT_HEAD else "",
        )
        listed = ": ".join(filter(None, facts)) + (
            f" and {more} more" if facts[1] and more > 0 else ""
        )
        yield (
            str(len(names)),
            status.relation,
            at,
            listed + (f" ({status.detail})" if status.detail else ""),
        )
    if others := groups[_MOST_GROUPS:]:
        count = sum(len(names) for _, names in others)
        yield str(count), others[0][0].relation, "", "others, which --json lists"
