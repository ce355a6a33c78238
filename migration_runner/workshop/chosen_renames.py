"""Which of the possible renames are some: those that the user names, or agrees to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migration_runner.errors import UsageError
from migration_runner.workshop.dumps.renames import (
    PossibleRename,
    possible_renames,
    possible_table_renames,
)
from migration_runner.workshop.models_check import ModelsCheck

# Gets a possible rename, and says whether it is one.
Ask = Callable[[PossibleRename], bool]


def choose_renames(
    check: ModelsCheck, wanted: Sequence[str], ask: Ask
) -> tuple[list[PossibleRename], list[PossibleRename]]:
    """Return the renames, and what could be some, too."""
    tables = [
        each
        for each in possible_table_renames(check.migrated, check.expected)
        if each.old not in check.models.version_tables
    ]
    possible = [*tables, *possible_renames(check.differences)]
    known = {rename_option(each): each for each in possible}
    for option in wanted:
        if option not in known:
            message = (
                f"--rename {option} is not possible. It takes TABLE.OLD=NEW, where a column OLD is"
                " only in the history and a column NEW of the same type only in the models; or"
                " OLD=NEW for tables with the same columns."
                f" Possible: {'; '.join(known) or 'none'}. Nothing was written."
            )
            raise UsageError(message)
    chosen: list[PossibleRename] = []
    # What was named comes first: then nothing that contradicts it is asked.
    for option, each in sorted(known.items(), key=lambda item: item[0] not in wanted):
        taken = [one for one in chosen if _excludes(one, each)]
        if taken and option in wanted:
            message = (
                f"--rename {option} contradicts --rename {rename_option(taken[0])}."
                " Nothing was written."
            )
            raise UsageError(message)
        if not taken and (option in wanted or ask(each)):
            chosen.append(each)
    excluded = [each for each in possible if any(_excludes(one, each) for one in chosen)]
    return chosen, [each for each in possible if each not in chosen and each not in excluded]


def _excludes(one: PossibleRename, other: PossibleRename) -> bool:
    """Whether two renames are of one thing, or to one."""
    return (one.kind, one.schema, one.table) == (other.kind, other.schema, other.table) and (
        one.old == other.old or one.new == other.new
    )


def rename_option(rename: PossibleRename) -> str:
    """Return a rename as `--rename` takes it."""
    schema = f"{rename.schema}." if rename.schema else ""
    table = f"{rename.table}." if rename.kind == "column" else ""
    return f"{schema}{table}{rename.old}={rename.new}"
