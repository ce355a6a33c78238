"""`migrate revision --autogenerate` without a database: written, tried, and compared again."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from migration_runner.errors import HistoryError, UsageError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.directives import Additions
from migration_runner.settings.settings import Settings
from migration_runner.workshop.docstring import fill_questions
from migration_runner.workshop.dumps.difference import (
    SchemaDifference,
    downgrade_statements,
    upgrade_statements,
)
from migration_runner.workshop.dumps.parsing import parse
from migration_runner.workshop.dumps.renames import PossibleRename, possible_renames
from migration_runner.workshop.dumps.sql import for_text
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.models_check import ModelsCheck, check_models, dump
from migration_runner.workshop.trial import Trial, Trials
from migration_runner.workshop.workbench import WORK, Workbench, open_workbench

_START: Final = "start"
_MOST_PASSES: Final = 3
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

    Raises `HistoryError` for several heads, `UsageError` for a rename of what is not there, and
    what a run raises where the history cannot be applied.
    """
    project = AlembicProject(settings.alembic)
    project.history.require_one_head()
    heads = project.history.heads
    with open_workbench(settings, project, heads) as bench:
        for head in heads:
            bench.remember(head)
        check = check_models(bench)
        chosen, possible = _choose(check, renames, ask)
        if not check.differences and not bench.alembics_differences(WORK):
            return Written(bench.description, unimported=check.models.unimported)
        bench.databases.create(_START, WORK)
        writer = _Writer(bench, settings, words, chosen, check)
        with writer.removed_if_interrupted(), ThreadPoolExecutor(2) as pool:
            left, trial = writer.write(pool)
            fill_questions(writer.file, trial, writer.lost)
        return Written(
            bench.description,
            writer.file,
            writer.revision,
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
    possible = possible_renames(check.differences)
    known = {rename_option(each): each for each in possible}
    for option in wanted:
        if option not in known:
            message = (
                f"--rename {option} is not possible. It takes TABLE.OLD=NEW, where a column OLD is"
                " only in the history and a column NEW of the same type only in the models."
                f" Possible: {'; '.join(known) or 'none'}."
            )
            raise UsageError(message)
    chosen: list[PossibleRename] = []
    for option, each in known.items():
        taken = any(
            each.table == one.table and {each.old, each.new} & {one.old, one.new} for one in chosen
        )
        if not taken and (option in wanted or (each not in chosen and ask(each))):
            chosen.append(each)
    return chosen, [each for each in possible if each not in chosen]


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
        self.revision = _revision_id(words) or uuid.uuid4().hex[:12]
        self._words = [*words, *(() if _revision_id(words) else ("--rev-id", self.revision))]
        self.file = Path()
        # The tables and columns that a downgrade removes.
        self.lost: list[str] = []

    def write(self, pool: ThreadPoolExecutor) -> tuple[list[SchemaDifference], Trial]:
        """Write it; return what is left, and how its trial went."""
        extra: list[SchemaDifference] = []
        left: list[SchemaDifference] = []
        for _ in range(_MOST_PASSES):
            self._write_once(extra)
            trial = self._try(pool)
            if trial.stopped_at:
                # Its schema is not there to be compared.
                return [], trial
            migrated = parse(dump(self._bench, WORK))
            left = self._check.against(migrated)
            more = [each for each in left if each.upgrade and each not in extra]
            if not more:
                break
            extra += more
        before = self._check.migrated
        self.lost = [
            f"{each.kind} {'.'.join(part for part in (each.table, each.name) if part)}"
            for each in migrated
            if each.kind in ("table", "column")
            and each not in before
            and not any((each.table, each.name) == (one.table, one.new) for one in self._renames)
        ]
        return left, trial

    @contextlib.contextmanager
    def removed_if_interrupted(self) -> Iterator[None]:
        """Leave no revision behind that was not tried to its end."""
        try:
            yield
        except BaseException:
            if self.file.is_file():
                self.file.unlink()
            raise

    def _write_once(self, extra: Sequence[SchemaDifference]) -> None:
        if self.file.is_file():
            self.file.unlink()
        self._start_again()
        forward = [each.upgrade for each in self._renames]
        with psycopg.connect(**self._bench.databases.parameters(WORK)) as connection:  # type: ignore[arg-type]  # libpq's parameters
            for statement in forward:
                connection.execute(statement)
        additions = Additions(
            first_in_upgrade=tuple(forward),
            last_in_upgrade=tuple(for_text(each) for each in upgrade_statements(extra)),
            first_in_downgrade=tuple(for_text(each) for each in downgrade_statements(extra)),
            last_in_downgrade=tuple(each.downgrade for each in reversed(self._renames)),
            existing_types=frozenset(_types(self._check)),
        )
        self._bench.run("write_revision", WORK, words=self._words, additions=additions)
        self._start_again()
        project = AlembicProject(self._settings.alembic)
        written = project.history.revisions.get(self.revision)
        if written is None:
            message = f"Alembic wrote no revision {self.revision}."
            raise HistoryError(message, reason="not_written")
        self.file = Path(written.path)
        self._bench.project = project

    def _try(self, pool: ThreadPoolExecutor) -> Trial:
        return Trials(self._bench, pool).run([self.revision], observe=True)

    def _start_again(self) -> None:
        self._bench.databases.drop(WORK)
        self._bench.databases.create(WORK, _START)


def _types(check: ModelsCheck) -> list[str]:
    """Return the names of the types that are there, as `project.directives` has them."""
    found = [name for name in check.migrated if name.kind in _TYPES]
    return [
        each.name if each.schema == "public" else f"{each.schema}.{each.name}" for each in found
    ]


def _revision_id(words: Sequence[str]) -> str:
    for position, word in enumerate(words):
        if word == "--rev-id":
            return words[position + 1] if position + 1 < len(words) else ""
        if word.startswith("--rev-id="):
            return word.partition("=")[2]
    return ""
