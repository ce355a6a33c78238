"""Each revision alone: up, down, and up again, in processes of their own; compared by dumps.

The dumps are made of copies, while the next process is at work already.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError, MigrationError
from migration_runner.history.history import History, Revision
from migration_runner.workshop.dumps.dump import dump_schema
from migration_runner.workshop.dumps.objects import ObjectName, Schema
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.failures import describe_failure, needs_of
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.statement import Statement
from migration_runner.workshop.processes import TaskCrashed
from migration_runner.workshop.workbench import WORK, Workbench

_AFTER: Final = "after"
_PREPARED: Final = "prepared"
_NAMED: Final = 5
# Of the schemas before and after a revision, and of those below.
_REMEMBERED: Final = 4
_VERSION: Final = "version_num"
_LABEL: Final = re.compile(r"'(?:[^']|'')*'")
_PROMISES_NOTHING: Final = NotImplementedError.__name__


@dataclass
class Trial:
    """What came of the trial of some revisions.

    `statements` are those that each revision has executed. `not_undone` are the revisions without
    a downgrade, or where the history branches, so that one alone cannot be undone.
    """

    findings: list[Finding] = field(default_factory=list)
    statements: dict[str, Sequence[Statement]] = field(default_factory=dict)
    not_undone: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    stopped_at: str = ""
    # What was done with the last one.
    steps: list[str] = field(default_factory=list)


class Trials:
    """Tries revisions, in their order, on the database WORK of a workbench."""

    def __init__(self, bench: Workbench, pool: ThreadPoolExecutor) -> None:
        self._bench = bench
        self._pool = pool
        self._history: History = bench.project.history
        self._count = 0
        self._parsed: dict[str, Schema] = {}
        self.result = Trial()

    def run(self, revisions: Sequence[str], *, observe: bool) -> Trial:
        """Try the revisions. WORK is where the first of them begins, and then where they end.

        One that cannot be applied at all ends the trial. Raises `ConfigError` for an environment
        in which nothing can be tried.
        """
        before = self._dump(WORK)
        # pg_dump locks no views and types; all other dumps are of copies.
        before.result()
        for name in revisions:
            self.result.steps = []
            self.result.tried.append(name)
            revision = self._history.revisions[name]
            if not self._upgrade(revision, observe=observe):
                self.result.stopped_at = name
                break
            self._bench.databases.create(_AFTER, WORK)
            after = self._dump(_AFTER)
            if self._can_be_undone(revision, revisions):
                self._undo_and_redo(revision, before, after)
            else:
                self.result.not_undone.append(name)
            # What comes next begins with what a deployment has.
            self._bench.databases.drop(WORK)
            after.result()
            self._bench.databases.rename(_AFTER, WORK)
            before = after
        return self.result

    def _upgrade(self, revision: Revision, *, observe: bool) -> bool:
        bench = self._bench
        try:
            self.result.statements[revision.id] = bench.upgrade(
                WORK, [revision.id], observe=observe
            )
        except ConfigError:
            raise
        except MigrationError as error:
            self.result.statements[revision.id] = bench.failed_statements
            self._add("upgrade-fails", revision, f"Applied alone, it fails: {_said(error)}", error)
        else:
            self.result.steps.append("up")
            return True
        # In one process with those before it, it may succeed: then the others can be tried.
        try:
            bench.rebuild([revision.id])
        except MigrationError:
            return False
        return True

    def _can_be_undone(self, revision: Revision, tried: Sequence[str]) -> bool:
        """Whether nothing else would be undone with it: no merge, and no branch beside it."""
        revisions = self._history.revisions
        applied = self._history.with_ancestors([*tried[: list(tried).index(revision.id) + 1]])
        heads = self._history.heads_after((), applied)
        # What a revision only depends on is no target of its downgrade.
        alone = len(revision.parents) <= 1 and not revision.dependencies
        return alone and heads == (revision.id,) and len(revisions) > 0

    def _undo_and_redo(
        self, revision: Revision, before: Future[Schema], after: Future[Schema]
    ) -> None:
        bench = self._bench
        try:
            bench.downgrade(WORK, revision.parents[0] if revision.parents else "base")
        except ConfigError:
            raise
        except MigrationError as error:
            if error.facts.get("exception_type") == _PROMISES_NOTHING:
                self.result.not_undone.append(revision.id)
            else:
                self._add(
                    "downgrade-fails", revision, f"Its downgrade fails: {_said(error)}", error
                )
            return
        self.result.steps.append("down")
        with self._copied() as below:
            undone = self._dump(below)
            try:
                bench.upgrade(WORK, [revision.id])
            except MigrationError as error:
                advice = "Let its downgrade remove all that its upgrade makes."
                if left := self._difference(revision, undone, before):
                    advice = f"Its downgrade does not restore the schema: {left}. {advice}"
                message = f"After its downgrade, it cannot be applied again: {_said(error)}"
                self._add("second-upgrade-fails", revision, message, error, advice)
                return
            self.result.steps.append("up")
            difference = self._difference(revision, undone, before)
        if not difference:
            # The same revision on the same schema leads to the same one again.
            return
        message = f"Its downgrade does not restore the schema: {difference}."
        advice = "Correct the downgrade, or waive the check with the reason."
        self._add("asymmetric", revision, message, advice=advice)
        again = self._dump(WORK).result()
        if difference := _describe(again, after.result()):
            message = f"Applied again after its downgrade, it differs: {difference}."
            self._add("unequal-upgrades", revision, message)

    def _difference(
        self, revision: Revision, undone: Future[Schema], before: Future[Schema]
    ) -> str:
        """Return how what a downgrade left differs from what was there, in words."""
        difference = _describe(undone.result(), before.result())
        if not difference or revision.parents:
            return difference
        # Of what is left of a first revision, env.py itself can have made a part.
        bench = self._bench
        bench.databases.create(_PREPARED)
        try:
            bench.run("visit_env", _PREPARED)
            return _describe(undone.result(), self._dump(_PREPARED).result())
        finally:
            bench.databases.drop(_PREPARED)

    @contextlib.contextmanager
    def _copied(self) -> Iterator[str]:
        self._count += 1
        name = f"below_{self._count}"
        self._bench.databases.create(name, WORK)
        try:
            yield name
        finally:
            self._bench.databases.drop(name)

    def _dump(self, database: str) -> Future[Schema]:
        databases = self._bench.databases
        parameters = databases.parameters(database)
        return self._pool.submit(lambda: self._parse(dump_schema(databases.programs, parameters)))

    def _parse(self, text: str) -> Schema:
        """Take a dump apart; most are like one of the last."""
        if text not in self._parsed:
            while len(self._parsed) >= _REMEMBERED:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[text] = _without_version_tables(parse(text))
        return self._parsed[text]

    def _add(
        self,
        check: str,
        revision: Revision,
        message: str,
        error: MigrationError | None = None,
        advice: str = "",
    ) -> None:
        line = error.facts.get("line") if error is not None else None
        if error is not None:
            advice = " ".join(filter(None, (needs_of(error), advice)))
        self.result.findings.append(
            Finding(check, message, advice, revision.id, Path(revision.path), line)
        )


def _without_version_tables(schema: Schema) -> Schema:
    """Return a schema without Alembic's own tables: those with the one column `version_num`."""
    columns: dict[tuple[str, str], list[str]] = {}
    for each in schema:
        if each.kind == "column":
            columns.setdefault((each.schema, each.table), []).append(each.name)
    own = {table for table, names in columns.items() if names == [_VERSION]}
    kept = Schema(
        (each, text)
        for each, text in schema.items()
        if (each.schema, each.table or each.name) not in own
    )
    kept.major = schema.major
    return kept


def _said(error: MigrationError) -> str:
    """Return what went wrong."""
    if isinstance(error, TaskCrashed):
        return error.message.strip().splitlines()[-1]
    return describe_failure(error)


def _describe(found: Schema, expected: Schema) -> str:
    """Return how a schema differs from what it should be, in words; empty if it does not."""
    more = [f"{_name(each)} remains" for each in found if each not in expected]
    fewer = [f"{_name(each)} is missing" for each in expected if each not in found]
    other = [
        f"{_name(each)} differs"
        for each in found
        if each in expected and not _is_equal(each, found[each], expected[each])
    ]
    parts = [*more, *fewer, *other]
    rest = f", and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return "; ".join(parts[:_NAMED]) + rest


def _is_equal(name: ObjectName, found: str, expected: str) -> bool:
    """Whether an object is as it should be. An enum may have more labels: none can be removed."""
    if name.kind != "enum":
        return found == expected
    labels = _LABEL.findall(found)
    return [each for each in labels if each in _LABEL.findall(expected)] == _LABEL.findall(expected)


def _name(name: ObjectName) -> str:
    place = ".".join(part for part in (name.schema, name.table, name.name) if part)
    return f"{name.kind} {place}"
