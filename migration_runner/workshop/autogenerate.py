"""`migrate revision --autogenerate` without a database: written, tried, and compared again."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from migration_runner.errors import UsageError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.directives import Additions
from migration_runner.project.rendered_sql import Statement
from migration_runner.settings.settings import Settings
from migration_runner.workshop.docstring import fill_questions
from migration_runner.workshop.dumps.difference import (
    Difference,
    SchemaDifference,
    downgrade_statements,
    upgrade_statements,
)
from migration_runner.workshop.dumps.objects import Schema
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.dumps.renames import (
    PossibleRename,
    possible_renames,
    possible_table_renames,
)
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.models_check import ModelsCheck, check_models, dump
from migration_runner.workshop.trial import Trial, Trials
from migration_runner.workshop.workbench import WORK, Workbench, open_workbench

_START: Final = "start"
_MOST_PASSES: Final = 5
_FAILED: Final = ("downgrade-fails", "second-upgrade-fails")
_TYPES: Final = ("enum", "type", "domain")

# Gets a possible rename, and says whether it is one.
Ask = Callable[[PossibleRename], bool]


@dataclass(frozen=True)
class Written:
    """What `autogenerate` has done. `file` is None if there was nothing to do.

    `left` is what still differs. `possible` are the renames that were taken for none.
    """

    server: str
    file: Path | None = None
    revision: str = ""
    left: Sequence[SchemaDifference] = ()
    findings: Sequence[Finding] = ()
    possible: Sequence[PossibleRename] = ()
    tried: Sequence[str] = ()
    unimported: Sequence[str] = ()
    compared: bool = False


def autogenerate(
    settings: Settings, words: Sequence[str], renames: Sequence[str], ask: Ask
) -> Written:
    """Write the revision that brings the history to the models. `words` are Alembic's.

    Raises `HistoryError` for several heads where none is named, `UsageError` for a rename of what
    is not there, and what a run raises where the history cannot be applied.
    """
    project = AlembicProject(settings.alembic)
    if not _option(words, "--head"):
        project.history.require_one_head()
    heads = project.history.heads
    with open_workbench(settings, project, heads) as bench:
        if len(heads) == 1:
            bench.remember(heads[0])
        check = check_models(bench)
        chosen, possible = _choose(check, renames, ask)
        # Alembic compares at one head only.
        if not check.differences and (len(heads) > 1 or not bench.alembics_differences(WORK)):
            return Written(bench.description, unimported=check.models.unimported)
        bench.databases.create(_START, WORK)
        writer = _Writer(bench, settings, words, chosen, check)
        with writer.removed_if_interrupted():
            left, trial = writer.write()
            if writer.file is not None:
                fill_questions(writer.file, trial, writer.lost)
        return Written(
            bench.description,
            writer.file,
            writer.revision if writer.file is not None else "",
            left,
            trial.findings,
            possible,
            trial.steps,
            check.models.unimported,
            compared=not trial.stopped_at,
        )


def _choose(
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


class _Writer:
    """Writes the revision: with what Alembic sees first, then with what is left."""

    def __init__(
        self,
        bench: Workbench,
        settings: Settings,
        words: Sequence[str],
        renames: Sequence[PossibleRename],
        check: ModelsCheck,
    ) -> None:
        self._bench = bench
        self._settings = settings
        self._renames = renames
        self._check = check
        given = _option(words, "--rev-id")
        self.revision = given or uuid.uuid4().hex[:12]
        self._words = [*words, *(() if given else ("--rev-id", self.revision))]
        self.file: Path | None = None
        self._forward: list[str] = [each.upgrade for each in renames]
        self._back: list[str] = [each.downgrade for each in reversed(renames)]
        self._own_changes = False
        # A revision that has the id already is nobody's to remove.
        self._known = frozenset(bench.project.history.revisions)
        # The tables and columns that a downgrade removes.
        self.lost: list[str] = []

    def write(self) -> tuple[list[SchemaDifference], Trial]:
        """Write it; return what is left, and how its trial went.

        No file is written where nothing can be.
        """
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
                if self._let_comparison_change_columns(trial):
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
        self.lost = [
            f"{each.kind} {'.'.join(part for part in (each.table, each.name) if part)}"
            for each in migrated
            if each.kind in ("table", "column") and each not in before
        ]
        return left, trial

    @contextlib.contextmanager
    def removed_if_interrupted(self) -> Iterator[None]:
        """Leave no revision behind that was not tried to its end."""
        try:
            yield
        except BaseException:
            self._remove()
            raise

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

    def _let_comparison_change_columns(self, trial: Trial) -> bool:
        """Whether what Alembic writes of a column's new type may be what has failed."""
        failed = trial.stopped_at or any(each.check in _FAILED for each in trial.findings)
        if self._own_changes or not failed or self.file is None:
            return False
        self._own_changes = "alter_column(" in self.file.read_text(encoding="utf-8")
        return self._own_changes

    def _write_once(self, extra: Sequence[SchemaDifference]) -> None:
        self._remove()
        self._start_again()
        self._execute(self._forward)
        early = [each for each in extra if each.before_tables]
        late = [each for each in extra if not each.before_tables]
        additions = Additions(
            first_in_upgrade=(*map(Statement, self._forward), *_explained(early)),
            last_in_upgrade=tuple(_explained(late)),
            first_in_downgrade=tuple(map(Statement, downgrade_statements(late))),
            last_in_downgrade=tuple(map(Statement, [*downgrade_statements(early), *self._back])),
            existing_types=frozenset(
                (each.schema, each.name) for each in self._check.migrated if each.kind in _TYPES
            ),
            own_changes=self._own_changes,
        )
        try:
            self._bench.run("write_revision", WORK, words=self._words, additions=additions)
        finally:
            project = AlembicProject(self._settings.alembic)
            written = project.history.revisions.get(self.revision)
            if written is not None and self.revision not in self._known:
                self.file = Path(written.path)
        self._start_again()
        self._bench.project = project

    def _execute(self, statements: Sequence[str]) -> None:
        with psycopg.connect(**self._bench.databases.parameters(WORK)) as connection:  # type: ignore[arg-type]  # libpq's parameters
            for statement in statements:
                connection.execute(statement.encode())

    def _remove(self) -> None:
        if self.file is not None and self.file.is_file():
            self.file.unlink()
        self.file = None

    def _start_again(self) -> None:
        self._bench.databases.drop(WORK)
        self._bench.databases.create(WORK, _START)


def _is_needed_first(difference: SchemaDifference) -> bool:
    """Whether tables may need it. The types of new columns are seen to in the revision itself."""
    missing_enum = difference.name.kind == "enum" and difference.difference is Difference.MISSING
    return bool(difference.before_tables and difference.upgrade and not missing_enum)


def _explained(differences: Iterable[SchemaDifference]) -> Iterator[Statement]:
    for each in differences:
        seen = each.name.kind == "column" and each.difference is Difference.DIFFERENT
        why = "From the comparison of the schemas" if seen else "Not seen by Alembic"
        for number, statement in enumerate(each.upgrade):
            yield Statement(statement, "" if number else f"{why}: {each.sentence}")


def _option(words: Sequence[str], name: str) -> str:
    """Return the value of one of the command line's options; empty without it."""
    for position, word in enumerate(words):
        if word == name:
            return words[position + 1] if position + 1 < len(words) else ""
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""
