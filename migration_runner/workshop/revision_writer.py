"""Has Alembic write a revision, and adds to it what the comparison of the schemas still finds."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import psycopg

from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.directives import Additions
from migration_runner.project.rendered_sql import Statement
from migration_runner.workshop.dumps.constraint_names import new_constraint_names
from migration_runner.workshop.dumps.difference import (
    Difference,
    SchemaDifference,
    downgrade_statements,
    upgrade_statements,
)
from migration_runner.workshop.dumps.enums import adds_value
from migration_runner.workshop.dumps.objects import Schema
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.dumps.renames import PossibleRename
from migration_runner.workshop.models_check import ModelsCheck, dump
from migration_runner.workshop.trial import Trial, Trials
from migration_runner.workshop.workbench import WORK, Workbench

_START: Final = "start"
_MOST_PASSES: Final = 5
_FAILED: Final = ("downgrade-fails", "second-upgrade-fails")
_TYPES: Final = ("enum", "type", "domain")
# unsafe_new_enum_value_usage
_NEW_VALUE_USED: Final = "55P04"


class RevisionWriter:
    """Writes the revision: with what Alembic sees first, then with what is left."""

    def __init__(
        self,
        bench: Workbench,
        words: Sequence[str],
        revision: str | None,
        renames: Sequence[PossibleRename],
        check: ModelsCheck,
    ) -> None:
        self._bench = bench
        self._renames = renames
        self._check = check
        self.revision = revision or uuid.uuid4().hex[:12]
        self._words = [*words, *(() if revision else ("--rev-id", self.revision))]
        self.file: Path | None = None
        self._forward: list[str] = [each.upgrade for each in renames]
        self._back: list[str] = [each.downgrade for each in reversed(renames)]
        self._own_changes = False
        self._commits_values = False
        # A revision that has the id already is nobody's to remove.
        self._known = frozenset(bench.project.history.revisions)
        # The tables and columns that a downgrade removes.
        self.lost: list[str] = []

    def write(self) -> tuple[list[SchemaDifference], Trial]:
        """Write it; return what is left, and how its trial went.

        No file is written where nothing can be.
        """
        self._bench.databases.create(_START, WORK)
        before = self._rename()
        left = self._check.against(before)
        # What Alembic's own statements may need is there from the first pass on.
        extra = [each for each in left if _is_needed_first(each)]
        trial = Trial()
        migrated = before
        for _ in range(_MOST_PASSES):
            self._write_once(extra)
            if self.file is not None:
                trial = Trials(self._bench).run([self.revision], observe=True)
                if self._commit_values(trial) or self._let_comparison_change_columns(trial):
                    continue
                if trial.stopped_at:
                    # Its schema is not there to be compared.
                    return [], trial
                migrated = parse(dump(self._bench, WORK))
                left = self._check.against(migrated)
            more = [each for each in left if each.upgrade and each not in extra]
            if not more:
                break
            extra += more
        self.lost = _describe_lost(before, migrated)
        return left, trial

    def _rename(self) -> Schema:
        """Return the schema after the renames; indexes and constraints follow them."""
        schema = self._check.migrated
        if self._renames:
            self._execute(self._forward)
            schema = parse(dump(self._bench, WORK))
        following = [each for each in self._check.against(schema) if each.is_rename]
        if following:
            statements = upgrade_statements(following)
            self._execute(statements)
            self._forward += statements
            self._back[:0] = downgrade_statements(following)
            schema = parse(dump(self._bench, WORK))
        return schema

    def _commit_values(self, trial: Trial) -> bool:
        """Whether the use of an enum's new value has failed, which is committed from now on."""
        executed = trial.statements.get(self.revision, ())
        used = bool(trial.stopped_at and executed and executed[-1].error == _NEW_VALUE_USED)
        found, self._commits_values = self._commits_values, self._commits_values or used
        return used and not found

    def _let_comparison_change_columns(self, trial: Trial) -> bool:
        """Whether what Alembic writes of a column's new type may be what has failed."""
        failed = trial.stopped_at or any(each.check in _FAILED for each in trial.findings)
        if self._own_changes or not failed or self.file is None:
            return False
        self._own_changes = "alter_column(" in self.file.read_text(encoding="utf-8")
        return self._own_changes

    def _write_once(self, extra: Sequence[SchemaDifference]) -> None:
        self.remove()
        self._start_again()
        self._execute(self._forward)
        early = [each for each in extra if each.before_tables]
        late = [each for each in extra if not each.before_tables]
        additions = Additions(
            first_in_upgrade=(*map(Statement, self._forward), *self._explained(early)),
            last_in_upgrade=tuple(self._explained(late)),
            first_in_downgrade=tuple(map(Statement, downgrade_statements(late))),
            last_in_downgrade=tuple(map(Statement, [*downgrade_statements(early), *self._back])),
            existing_types=frozenset(
                (each.schema, each.name) for each in self._check.migrated if each.kind in _TYPES
            ),
            constraint_names=new_constraint_names(self._check.expected, self._check.migrated),
            own_changes=self._own_changes,
        )
        try:
            self._bench.run("write_revision", WORK, words=self._words, additions=additions)
        finally:
            project = AlembicProject(self._bench.settings.alembic)
            written = project.history.revisions.get(self.revision)
            if written is not None and self.revision not in self._known:
                self.file = Path(written.path)
        self._start_again()
        self._bench.project = project

    def _execute(self, statements: Sequence[str]) -> None:
        with psycopg.connect(**self._bench.databases.parameters(WORK)) as connection:  # type: ignore[arg-type]  # libpq's parameters
            for statement in statements:
                connection.execute(statement.encode())

    def remove(self) -> None:
        """Remove the file."""
        if self.file is not None and self.file.is_file():
            self.file.unlink()
        self.file = None

    def _start_again(self) -> None:
        self._bench.databases.drop(WORK)
        self._bench.databases.create(WORK, _START)

    def _explained(self, differences: Iterable[SchemaDifference]) -> Iterator[Statement]:
        for each in differences:
            seen = each.name.kind == "column" and each.difference is Difference.DIFFERENT
            why = "From the comparison of the schemas" if seen else "Not seen by Alembic"
            for number, statement in enumerate(each.upgrade):
                committed = self._commits_values and adds_value(statement)
                comment = "" if number else f"{why}: {each.sentence}"
                if comment and committed:
                    comment += " A new value can be used once it is committed."
                yield Statement(statement, comment, committed)


@contextlib.contextmanager
def removed_if_interrupted() -> Iterator[list[RevisionWriter]]:
    """Remove the files of these if the command does not get to its end, where it names them."""
    begun: list[RevisionWriter] = []
    try:
        yield begun
    except BaseException:
        for writer in begun:
            writer.remove()
        raise


def _describe_lost(before: Schema, after: Schema) -> list[str]:
    """Return the tables that are only in the schema after, and the columns of the others."""
    tables = after.tables() - before.tables()
    lost = []
    for each in after:
        if each in before or (each.schema, each.table) in tables:
            continue
        if each.kind in ("table", "column"):
            lost.append(f"{each.kind} {'.'.join(filter(None, (each.table, each.name)))}")
    return lost


def _is_needed_first(difference: SchemaDifference) -> bool:
    """Whether tables may need it. The types of new columns are seen to in the revision itself."""
    missing_enum = difference.name.kind == "enum" and difference.difference is Difference.MISSING
    return bool(difference.before_tables and difference.upgrade and not missing_enum)
