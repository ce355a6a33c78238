"""Changes of a schema that break the statements of a release that knows it as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from migration_runner.workshop.hazards.statement import Change, ChangeKind
from migration_runner.workshop.hazards.wording import enumerate_names

_K: Final = ChangeKind
_CHECKS: Final = {
    _K.DROPPED: ("drops-table", "Drops {names}, which a running release may still use."),
    _K.VIEW_DROPPED: (
        "drops-view",
        "Drops the view {names}, which a running release may still use.",
    ),
    _K.RENAMED: ("renames-table", "Renames {names} to {new}: a running release uses the old name."),
    _K.COLUMN_DROPPED: ("drops-column", "Drops {names}, which a running release may still use."),
    _K.COLUMN_RENAMED: (
        "renames-column",
        "Renames {names} to {new}: a running release uses the old name.",
    ),
    _K.COLUMN_ADDED: (
        "adds-required-column",
        "Adds {names}, which must have a value and has no default: this fails if there are rows,"
        " and so does every INSERT of a running release.",
    ),
    _K.DEFAULT_DROPPED: (
        "drops-default",
        "Drops the default of {names}, which must have a value: every INSERT of a running release"
        " that does not name it fails.",
    ),
    _K.EMPTIED: ("empties-table", "Deletes all rows of {names}, under ACCESS EXCLUSIVE."),
    _K.COLUMN_RETIMED: (
        "time-zone-rewrite",
        "Changes {names} between timestamp and timestamptz: without a rewrite only because the"
        " session's time zone is UTC. In others the table is rewritten, under ACCESS EXCLUSIVE,"
        " and every value shifted.",
    ),
}
# What goes wrong with no older release running, too.
_ALWAYS: Final = frozenset({_K.COLUMN_ADDED, _K.EMPTIED, _K.COLUMN_RETIMED})


def changed(changes: Sequence[Change], *, breaks: bool) -> Iterator[tuple[str, str]]:
    """Yield a check's name and a message for each kind of change.

    `breaks`: the revision declares that older releases do not work with it.
    """
    for kind, (check, message) in _CHECKS.items():
        found = [each for each in changes if each.kind is kind and not each.replaced]
        if found and (not breaks or kind in _ALWAYS):
            names = enumerate_names([each.name for each in found])
            yield check, message.format(names=names, new=found[0].new)
