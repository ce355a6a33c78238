"""squawk, asked about statements that ran."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migration_runner.workshop.hazards import squawk
from migration_runner.workshop.hazards.squawk import NOT_INSTALLED, Linted, lint
from migration_runner.workshop.hazards.squawk_rules import ASKED, OFF
from migration_runner.workshop.hazards.statement import Statement


def _statement(
    sql: str, line: int, revision: str = "r1", *, transactional: bool = True
) -> Statement:
    return Statement(revision, f"{revision}.py", line, sql, transactional)


def test_findings_are_at_the_lines_of_the_revision() -> None:
    found = lint(
        [
            _statement("CREATE TABLE a (\n    b text -- the end\n)", 3),
            _statement("SELECT 'it''s; DROP FUNCTION g()';", 4),
            _statement("DROP FUNCTION f() -- why", 7),
            _statement("DROP SCHEMA s", 9, "r2", transactional=False),
        ],
        major=15,
    )
    assert "" == found.problem
    assert [
        ("r1", 7, "squawk-ban-drop-function", "Dropping a function may break existing clients."),
        ("r2", 9, "squawk-ban-drop-schema", "Dropping a schema may break existing clients."),
    ] == [(each.revision, each.line, each.check, each.message) for each in found.findings]


def test_every_rule_that_is_named_is_one_of_squawks(tmp_path: Path) -> None:
    file = tmp_path / "statements.sql"
    file.write_text("SELECT 1;")
    program = squawk.find_squawk()
    assert program is not None
    included = [f"--include={rule}" for rule in sorted({*ASKED, *OFF})]
    # It refuses the names of others, and finds nothing in this statement.
    done = subprocess.run(  # noqa: S603 - our own arguments
        [program, *included, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_what_the_runner_does_itself_is_not_asked() -> None:
    sql = "ALTER TABLE a ADD COLUMN b int NOT NULL; CREATE INDEX i ON a (b); DROP TABLE c"
    assert Linted() == lint([_statement(sql, 1)], major=18)


def test_what_a_revision_declares_is_silent() -> None:
    statement = _statement("DROP FUNCTION f()", 1)
    assert Linted() == lint([statement], major=18, breaking=["r1"])


def test_statements_that_failed_are_left_out() -> None:
    statement = Statement("r1", "r1.py", 1, "DROP FUNCTION f()", error="42883")
    assert Linted() == lint([statement], major=18)


def test_squawk_can_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert Linted(problem=NOT_INSTALLED) == lint([_statement("SELECT 1", 1)], major=18)


def test_a_squawk_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\necho 'no such rule' >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(squawk, "find_squawk", lambda: str(program))
    found = lint([_statement("SELECT 1", 1)], major=18)
    assert Linted(problem="squawk failed: no such rule") == found
