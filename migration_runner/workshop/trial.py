"""Each revision alone: up, down, and up again, in processes of their own; compared by dumps."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
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

_PREPARED: Final = "prepared"
_NAMED: Final = 5
# Each is a copy of the database.
_AHEAD: Final = 4
_AT_A_TIME: Final = min(_AHEAD, os.cpu_count() or 1)
# Of the schemas before and after those that are tried at a time.
_REMEMBERED: Final = 2 * _AHEAD
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
    # What was done with it, where it is one revision only.
    steps: list[str] = field(default_factory=list)


class Trials:
    """Tries revisions, in their order, on the database WORK of a workbench.

    While one is undone and applied again, on a copy, those after it are applied already.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._history: History = bench.project.history
        self._parsed: dict[str, Schema] = {}
        self.result = Trial()

    def run(self, revisions: Sequence[str], *, observe: bool) -> Trial:
        """Try the revisions. WORK is where the first of them begins, and then where they end.

        One that cannot be applied at all ends the trial. Raises `ConfigError` for an environment
        in which nothing can be tried.
        """
        before = self._dump(WORK)
        tried: list[Future[Schema]] = []
        with ThreadPoolExecutor(_AT_A_TIME) as pool, self._ended_with(pool):
            for name in revisions:
                self.result.tried.append(name)
                revision = self._history.revisions[name]
                if not self._upgrade(revision, observe=observe):
                    self.result.stopped_at = name
                    break
                copy = f"trial_{len(tried)}"
                self._bench.databases.create(copy, WORK)
                undone = self._can_be_undone(revision, revisions)
                if not undone:
                    self.result.not_undone.append(name)
                below = tried[-1].result if tried else lambda: before
                tried.append(pool.submit(self._try, revision, copy, below, undone=undone))
                if len(tried) > _AHEAD:
                    tried[-1 - _AHEAD].result()
            for each in tried:
                each.result()
        self.result.findings.sort(key=lambda each: revisions.index(each.revision))
        return self.result

    @contextlib.contextmanager
    def _ended_with(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """End all processes if the block fails: the pool waits for those who wait for one."""
        try:
            yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._bench.processes.close()
            raise

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
        applied = self._history.with_ancestors(tried[: tried.index(revision.id) + 1])
        heads = self._history.heads_after((), applied)
        # What a revision only depends on is no target of its downgrade.
        return len(revision.parents) <= 1 and not revision.dependencies and heads == (revision.id,)

    def _try(
        self, revision: Revision, copy: str, below: Callable[[], Schema], *, undone: bool
    ) -> Schema:
        """Return the schema of a copy at the revision; then undo that, and apply it again there.

        `below` returns the schema before the revision.
        """
        try:
            after = self._dump(copy)
            if undone:
                self._undo_and_redo(revision, copy, below(), after)
        finally:
            self._bench.databases.drop(copy)
        return after

    def _undo_and_redo(self, revision: Revision, copy: str, before: Schema, after: Schema) -> None:
        bench = self._bench
        try:
            bench.downgrade(copy, revision.parents[0] if revision.parents else "base")
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
        difference = self._difference(revision, self._dump(copy), before)
        try:
            bench.upgrade(copy, [revision.id])
        except MigrationError as error:
            advice = "Let its downgrade remove all that its upgrade makes."
            if difference:
                advice = f"Its downgrade does not restore the schema: {difference}. {advice}"
            message = f"After its downgrade, it cannot be applied again: {_said(error)}"
            self._add("second-upgrade-fails", revision, message, error, advice)
            return
        self.result.steps.append("up")
        if not difference:
            # The same revision on the same schema leads to the same one again.
            return
        message = f"Its downgrade does not restore the schema: {difference}."
        advice = "Correct the downgrade, or waive the check with the reason."
        self._add("asymmetric", revision, message, advice=advice)
        if difference := _describe(self._dump(copy), after):
            message = f"Applied again after its downgrade, it differs: {difference}."
            self._add("unequal-upgrades", revision, message)

    def _difference(self, revision: Revision, undone: Schema, before: Schema) -> str:
        """Return how what a downgrade left differs from what was there, in words."""
        difference = _describe(undone, before)
        if not difference or revision.parents:
            return difference
        # Of what is left of a first revision, env.py itself can have made a part.
        bench = self._bench
        bench.databases.create(_PREPARED)
        try:
            bench.run("visit_env", _PREPARED)
            return _describe(undone, self._dump(_PREPARED))
        finally:
            bench.databases.drop(_PREPARED)

    def _dump(self, database: str) -> Schema:
        databases = self._bench.databases
        return self._parse(dump_schema(databases.programs, databases.parameters(database)))

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
