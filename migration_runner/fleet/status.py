"""`migrate fleet status`: how many targets are at which revision, and which of them differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
UNREADABLE: Final = "unreadable"
UNKNOWN: Final = "unknown"
NEWER: Final = "not in this image"
# The ones that need somebody first.
_ORDER: Final = (UNREACHABLE, UNREADABLE, UNKNOWN, NEWER, BEHIND, AT_HEAD)
# The exit code that a run of such a target ends with, or may end with.
_CODES: Final = {UNREACHABLE: 69, UNREADABLE: 77, NEWER: 65}
_MOST_NAMES: Final = 20

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
            facts |= {"heads": list(self.heads), "pending": self.pending}
        return facts | ({"detail": self.detail} if self.detail else {})


class FleetStatus:
    """Where all targets are."""

    def __init__(self, image: Image, statuses: Sequence[TargetStatus]) -> None:
        self.statuses = statuses
        self.image = image

    def groups(self) -> list[tuple[str, tuple[str, ...], list[TargetStatus]]]:
        """Return the targets by relation and heads: the largest group of each relation first."""
        counts = Counter((each.relation, each.heads) for each in self.statuses)
        ordered = sorted(
            counts, key=lambda key: (_ORDER.index(key[0]), -counts[key], key[1]), reverse=False
        )
        return [
            (*key, [each for each in self.statuses if (each.relation, each.heads) == key])
            for key in reversed(ordered)
        ]

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
                {"relation": relation, "heads": list(heads), "count": len(found)}
                for relation, heads, found in self.groups()
            ],
            "results": [each.facts() for each in self.statuses],
        }

    def verdict(self) -> MigrationError | None:
        """Return what a check ends with; None if all targets are at head."""
        there = Counter(each.relation for each in self.statuses)
        said = ", ".join(f"{count} {relation}" for relation, count in there.items())
        message = f"{count_of(len(self.statuses), 'target')}: {said}."
        for relation, code in _CODES.items():
            if there[relation]:
                return FleetFailed(message, code, reason=relation.replace(" ", "_"))
        if there[BEHIND] or there[UNKNOWN]:
            return PendingRevisions(message, reason="targets_behind")
        return None


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
        return TargetStatus(target.name, UNREACHABLE, detail=sight.detail)
    if sight.table.heads is None:
        detail = "the role may not read the version table"
        return TargetStatus(target.name, UNREADABLE, detail=detail)
    relation = image.relation(sight.table)
    if relation.kind in (AT_HEAD, BEHIND):
        pending = image.pending(sight.table)
        return TargetStatus(target.name, relation.kind, sight.table.heads, pending)
    detail = f"has {', '.join(relation.unknown)}"
    return TargetStatus(target.name, NEWER, sight.table.heads, detail=detail)


def render_status(found: FleetStatus, width: int) -> str:
    """Render the groups, and the names in those that are not at head."""
    image = found.image
    lines = [
        f"image   {', '.join(image.heads) or 'base'}"
        f" ({count_of(len(image.history.revisions), 'revision')})",
        "",
    ]
    rows = []
    for relation, heads, statuses in found.groups():
        first = statuses[0]
        pending = f"{first.pending} pending" if relation == BEHIND else ""
        at = ", ".join(heads) or ("base" if relation == BEHIND else "")
        names = [each.target for each in statuses]
        more = len(names) - _MOST_NAMES
        listed = " ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        shown = listed if relation != AT_HEAD or (len(found.groups()) == 1 and more <= 0) else ""
        detail = f" ({first.detail})" if first.detail else ""
        rows.append((str(len(statuses)), relation, at, pending, shown + detail))
    lines.append(render_table(("targets", "state", "at", "", ""), rows, width))
    return "\n".join(lines)
