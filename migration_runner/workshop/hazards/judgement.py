"""What of the statements that ran is a hazard for the release that is running.

One finding for each statement and cause: the strongest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from migration_runner.database.sql_text import concurrent_index, without_data
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.advice import advice_for
from migration_runner.workshop.hazards.changes import changed
from migration_runner.workshop.hazards.sql_kinds import plain_name
from migration_runner.workshop.hazards.statement import (
    BLOCKS_READS,
    BLOCKS_WRITES,
    ChangeKind,
    Lock,
    Seen,
    Statement,
)
from migration_runner.workshop.hazards.wording import be_locked, enumerate_names, since_line

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_FAILURES: Final = {
    "25001": (
        "needs-autocommit",
        "This statement cannot run in a transaction, and each revision is one.",
    ),
    "55P04": (
        "enum-value-too-early",
        "A new enum value cannot be used in the transaction that adds it.",
    ),
}
_GROWS: Final = "for a time that grows with the table"


def judge(
    statements: Sequence[Statement], *, major: int, breaking: Collection[str] = ()
) -> list[Finding]:
    """Return the hazards of statements on a server of this major version.

    `breaking`: the revisions that declare `breaks_before`, so that no older release is running.
    """
    findings = []
    earlier: dict[str, list[Statement]] = {}
    for statement in statements:
        before = earlier.setdefault(statement.revision, [])
        for check, message in _hazards(statement, before, breaks=statement.revision in breaking):
            advice = advice_for(check, statement, major)
            place = (statement.revision, Path(statement.file), statement.line)
            findings.append(Finding(check, message, advice, *place))
        before.append(statement)
    # Those of the same line in a loop, over one table, are one.
    return list(dict.fromkeys(findings))


def _hazards(
    statement: Statement, earlier: Sequence[Statement], *, breaks: bool
) -> Iterator[tuple[str, str]]:
    if statement.error:
        if statement.error in _FAILURES:
            yield _FAILURES[statement.error]
        return
    seen = statement.seen
    found = [*changed(seen.changes, breaks=breaks)]
    if not any(each.kind is ChangeKind.COLUMN_ADDED for each in seen.changes):
        # Otherwise the scan is for the rows that have no value, and there it ends.
        found += [*_long_work(statement)]
    found += [*_whole_tables(statement), *_skips_invalid_index(statement, earlier)]
    yield from found or _short_locks(seen)


def _long_work(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield what takes longer the larger the table is, while others wait."""
    seen, line = statement.seen, statement.line
    access = [lock for lock in seen.locks if lock.mode == BLOCKS_READS]
    writes = [lock for lock in seen.locks if lock.mode in BLOCKS_WRITES]
    # There is no other lock for these; a script can have released it.
    access = access or [Lock(name, BLOCKS_READS) for name in seen.rewritten or seen.reindexed]
    if seen.rewritten:
        work = f"Rewrites {enumerate_names(seen.rewritten)} with all indexes"
        yield "table-rewrite", work + _while(access, seen.rewritten, line)
    elif seen.reindexed:
        work = f"Rebuilds indexes of {enumerate_names(seen.reindexed)}"
        yield "index-build-blocks-access", work + _while(access, seen.reindexed, line)
    elif seen.indexed:
        work = f"Builds an index on {enumerate_names(seen.indexed)}"
        if access:
            yield "index-build-blocks-access", work + _while(access, seen.indexed, line)
        elif writes:
            yield "index-build-blocks-writes", work + _while(writes, seen.indexed, line)
    elif seen.foreign_keys or seen.scanned or (access and seen.read):
        names = seen.foreign_keys or seen.scanned or seen.read
        work = "Checks a foreign key in" if seen.foreign_keys else "Reads"
        work += f" all rows of {enumerate_names(names)}"
        if access:
            yield "scan-blocks-access", work + _while(access, names, line)
        elif writes:
            check = "foreign-key-scan" if seen.foreign_keys else "scan-blocks-writes"
            yield check, work + _while(writes, names, line)


def _whole_tables(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield UPDATE and DELETE without a bound, and what is locked meanwhile."""
    seen = statement.seen
    tables = seen.written or seen.copied
    names = enumerate_names(tables)
    access = [lock for lock in seen.locks if lock.mode == BLOCKS_READS]
    if access and tables:
        work = f"{'Changes' if seen.written else 'Copies'} rows all over {names}"
        yield "write-under-lock", work + _while(access, tables, statement.line)
    elif seen.written:
        message = (
            f"Changes rows all over {names} in one transaction: they stay locked until it commits,"
            f" and other writes to them wait, {_GROWS}."
        )
        yield "whole-table-write", message


def _skips_invalid_index(
    statement: Statement, earlier: Sequence[Statement]
) -> Iterator[tuple[str, str]]:
    """Yield an index that is taken for built because a build that failed has left its name."""
    found = concurrent_index(statement.sql)
    text = without_data(statement.sql).upper()
    if found is None or " IF NOT EXISTS " not in " ".join(text.split()):
        return
    name = plain_name(found.index)
    drops = (each.sql for each in earlier if "DROP INDEX" in each.sql.upper())
    if not any(name in plain_name(sql).split(".") for sql in drops):
        message = (
            f"A concurrent build that fails leaves an invalid index {name}. In the next run IF NOT"
            " EXISTS skips it, and the revision fails again."
        )
        yield "index-if-not-exists", message


def _short_locks(seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield the strongest lock that a statement takes and that is held for a moment."""
    own = [lock for lock in seen.locks if lock.line is None and lock.mode in BLOCKS_WRITES]
    if own:
        names = enumerate_names(sorted({lock.table for lock in own}))
        mode = BLOCKS_READS if any(lock.mode == BLOCKS_READS for lock in own) else own[0].mode
        yield "short-lock", f"Takes {mode} on {names}, until the revision commits."


def _while(locks: Sequence[Lock], worked_on: Sequence[str], line: int) -> str:
    """Say what is locked during the work of a line on some tables, since when, and who waits."""
    strong = [lock for lock in locks if lock.mode == BLOCKS_READS] or list(locks)
    tables = sorted({lock.table for lock in strong})
    modes = " and ".join(sorted({lock.mode for lock in strong}))
    who = "reads and writes" if strong[0].mode == BLOCKS_READS else "writes"
    since = since_line(strong, line)
    if tables == sorted(worked_on) and not since:
        return f" under {modes}: {who} wait {_GROWS}."
    return f", while {be_locked(tables)} in {modes} mode{since}: {who} wait {_GROWS}."
