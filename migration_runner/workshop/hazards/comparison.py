"""The state of relations before and after a statement, and what that says it has done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from migration_runner.workshop.hazards.catalog import NAMED, VIEW, Column, Relation, State
from migration_runner.workshop.hazards.server_reasons import Reasons
from migration_runner.workshop.hazards.sql_kinds import defines, rows_used, truncates
from migration_runner.workshop.hazards.statement import Change, ChangeKind, Seen

# timestamp, timestamptz: https://www.postgresql.org/docs/current/catalog-pg-type.html
_RETIMED = frozenset({1114, 1184})
_HAS_ROWS = frozenset("rm")
_INDEX = "i"
_TABLE = "r"


@dataclass(frozen=True)
class Before:
    """What was known before a statement: relations, those of them that it can have changed.

    `scans`: how many scans the session had begun on each table.
    """

    relations: Mapping[int, Relation]
    looked_at: Collection[int]
    scans: Mapping[int, int]


def compare(known: Before, after: State, said: Reasons, sql: str) -> Seen:
    """Return what a statement did, but for its locks."""
    before, scans = known.relations, known.scans
    old = [before[oid] for oid in known.looked_at if oid in before]
    pairs = [(each, after.relations.get(each.oid)) for each in old]
    filled = [(each, new) for each, new in pairs if new and new.file != each.file]
    new_files = {each.name for each, _ in filled if each.kind in _HAS_ROWS}
    emptied = set()
    if truncates(sql):
        short = {each.name: each.short_name for each, _ in filled}
        emptied = {name for name in new_files if short[name] not in said.rewritten}
    tables = _Names(pairs)
    rewritten = (new_files - emptied) | tables.called(said.rewritten)
    reindexed = {
        before[each.table].name
        for each, _ in filled
        if each.kind == _INDEX and each.table in before
    }
    validated = {oid for name in said.validated for oid in after.foreign_keys.get(name, ())}
    scanned = tables.called(said.verified)
    if defines(sql):
        scanned |= {
            each.name
            for each, new in pairs
            if new and each.kind == _TABLE and new.scans > scans.get(each.oid, 0)
        }
    used = rows_used(sql)
    copied = _named_in(before, used.copied)
    changes = [change for pair in pairs for change in _changes(*pair, rewritten)]
    return Seen(
        rewritten=_sorted(rewritten),
        scanned=_sorted(scanned - rewritten - copied),
        indexed=_sorted(tables.called(said.indexed) - rewritten - emptied),
        reindexed=_sorted(reindexed - rewritten - emptied),
        foreign_keys=_sorted(before[oid].name for oid in validated if oid in before),
        written=_sorted(_named_in(before, used.written)),
        copied=_sorted(copied),
        read=_sorted(_named_in(before, used.read)),
        changes=(*(Change(ChangeKind.EMPTIED, name) for name in _sorted(emptied)), *changes),
        reasons=said.texts,
    )


class _Names:
    """Finds tables by the names that the server's messages have: without a schema."""

    def __init__(self, pairs: Collection[tuple[Relation, Relation | None]]) -> None:
        self._pairs = pairs

    def called(self, names: Collection[str]) -> set[str]:
        """Return the tables that have one of these names, before or after the statement."""
        return {
            old.name
            for old, new in self._pairs
            if old.short_name in names or (new and new.short_name in names)
        }


def _named_in(relations: Mapping[int, Relation], names: Collection[str]) -> set[str]:
    """Return the tables that a statement means by these names, with or without a schema."""
    if not names:
        return set()
    return {
        each.name
        for each in relations.values()
        if each.kind in NAMED
        and (each.short_name in names or f"{each.schema}.{each.short_name}" in names)
    }


def _sorted(names: Collection[str] | Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _changes(old: Relation, new: Relation | None, rewritten: Collection[str]) -> Iterator[Change]:
    """Yield what an application finds different that knows the old one."""
    if old.kind not in NAMED:
        return
    if new is None:
        dropped = ChangeKind.VIEW_DROPPED if old.kind == VIEW else ChangeKind.DROPPED
        yield Change(dropped, old.name)
        return
    if new.name != old.name:
        yield Change(ChangeKind.RENAMED, old.name, new=new.name)
    for number, column in old.columns.items():
        current = new.columns.get(number)
        if current is None:
            yield Change(ChangeKind.COLUMN_DROPPED, old.name, column.name)
            continue
        if current.name != column.name:
            yield Change(ChangeKind.COLUMN_RENAMED, old.name, column.name, current.name)
        if {column.type, current.type} == _RETIMED and old.name not in rewritten:
            yield Change(ChangeKind.COLUMN_RETIMED, old.name, column.name)
    for number, current in new.columns.items():
        if kind := _newly_required(old.columns.get(number), current):
            yield Change(kind, old.name, current.name)


def _newly_required(old: Column | None, new: Column) -> ChangeKind | None:
    """Return how an INSERT fails that leaves out a column, which it could leave out before.

    Not where SET NOT NULL did it: a release that writes the column comes before that.
    """
    if not new.not_null or new.supplied:
        return None
    if old is None:
        return ChangeKind.COLUMN_ADDED
    return ChangeKind.DEFAULT_DROPPED if old.not_null and old.supplied else None
