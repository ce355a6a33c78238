"""An applied revision's file was edited since: new databases will differ from this one."""

from __future__ import annotations

import py_compile
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result


@pytest.fixture
def first(database: Database, project: Project, migrate: Migrate) -> Path:
    """Return the file of a revision that is applied."""
    path = project.revision("r1", 'op.execute("SELECT 1")')
    result = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="build-1")
    assert 0 == result.exit_code, result.stdout
    return path


def _edit(path: Path, old: str = "SELECT 1", new: str = "SELECT 2") -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _applied_at(database: Database) -> str:
    ((when,),) = database.query(
        "SELECT to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        " FROM migration_runner.ledger WHERE revision = 'r1'"
    )
    return str(when)


def _warning(result: Result) -> dict[str, Any]:
    """Return the one warning of a run, however often it has looked."""
    assert 0 == result.exit_code, result.stdout
    (event,) = result.of("revision_edited")
    assert "warning" == event["level"]
    return event


def test_it_is_warned_of_with_who_and_when(
    database: Database, migrate: Migrate, first: Path
) -> None:
    _edit(first)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="build-2")

    ((run, when),) = database.query("SELECT run_id, started_at FROM migration_runner.ledger")
    event = _warning(result)
    assert {
        "revision": "r1",
        "file": str(first),
        "direction": "upgrade",
        "role": database.owner,
        "host": socket.gethostname(),
        "build": "build-1",
        "run": run,
    }.items() <= event.items()
    assert when.isoformat() == event["applied_at"]
    assert "up_to_date" == result.finished["outcome"]


def test_with_something_pending_it_is_warned_of_once(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    """Before the lock and behind it, the run looks twice."""
    _edit(first)
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url)

    _warning(result)
    assert "applied" == result.finished["outcome"]


def test_it_can_be_an_error_that_names_the_file_who_and_when(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    _edit(first)
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 65 == result.exit_code, result.stdout
    finished = result.finished
    assert {"kind": "HistoryError", "reason": "edited_revision", "edited": 1}.items() <= (
        finished["error"].items()
    )
    who = f"applied by {database.owner}, {socket.gethostname()}, build build-1"
    assert f"{first} (revision r1), {who} at {_applied_at(database)}" in finished["summary"]
    assert [] == finished["applied"]
    assert ["r1"] == finished["to_revisions"]
    assert "run_lock_acquired" not in result.names


def test_every_edited_file_is_named(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    second = project.revision("r2", 'op.execute("SELECT 1")')
    migrate.run(DATABASE_URL=database.url)
    _edit(first)
    _edit(second)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 2 == result.finished["error"]["edited"]
    assert str(first) in result.finished["summary"]
    assert str(second) in result.finished["summary"]


def test_it_can_be_let_pass(database: Database, migrate: Migrate, first: Path) -> None:
    _edit(first)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="off")

    assert 0 == result.exit_code, result.stdout
    assert ["run_started", "database_ready", "run_finished"] == result.names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('op.execute("SELECT 1")', "op.execute(  # as ever\n        'SELECT 1',\n    )\n\n"),
        ("r1 does its work.", "What it does is better told."),
        ("\n", "\r\n"),
    ],
)
def test_what_a_formatter_changes_is_none(
    database: Database, migrate: Migrate, first: Path, old: str, new: str
) -> None:
    _edit(first, old, new)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 0 == result.exit_code, result.stdout
    assert not result.of("revision_edited")


def test_a_pending_revision_may_be_edited(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    """It failed, was mended, and runs again; and so may one that was undone."""
    assert first.exists()
    second = project.revision("r2", 'op.execute("SELECT nonsense")')
    assert 1 == migrate.run(DATABASE_URL=database.url).exit_code
    _edit(second, "nonsense", "1")
    mended = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")
    assert 0 == mended.exit_code, mended.stdout
    migrate.run("downgrade", "--yes", "r1", DATABASE_URL=database.url)
    _edit(second)

    again = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 0 == again.exit_code, again.stdout
    assert ["r2"] == [each["revision"] for each in again.finished["applied"]]
    after = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")
    assert 0 == after.exit_code, after.stdout


def test_what_was_adopted_is_compared_with_what_was_there_then(
    database: Database, migrate: Migrate, first: Path
) -> None:
    """Nobody knows what plain Alembic has run, but from the take-over on it holds."""
    database.query("DROP SCHEMA migration_runner CASCADE")
    _edit(first)
    adopted = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")
    assert 0 == adopted.exit_code, adopted.stdout
    _edit(first, "SELECT 2", "SELECT 3")

    warned = migrate.run(DATABASE_URL=database.url)
    failed = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert "adopted" == _warning(warned)["direction"]
    assert 65 == failed.exit_code, failed.stdout
    assert f"recorded by {database.owner}" in failed.finished["summary"]


def test_another_folder_is_no_edit(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    """Nor is another name: the image's layout is the image's."""
    first.rename(first.with_name("20260101_first.py"))
    ini = project.folder / "alembic.ini"
    project.versions.parent.rename(project.folder / "elsewhere")
    ini.write_text(ini.read_text().replace("/migrations", "/elsewhere"))

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 0 == result.exit_code, result.stdout


def test_files_that_are_compiled_only_are_let_be(
    database: Database, project: Project, migrate: Migrate, first: Path
) -> None:
    """`sourceless`: the bytes differ from one compilation to the next."""
    ini = project.folder / "alembic.ini"
    ini.write_text(re.sub("(?m)^prepend", "sourceless = true\nprepend", ini.read_text()))
    py_compile.compile(str(first), str(first.with_suffix(".pyc")), doraise=True)
    first.unlink()

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_CHECKSUM="fail")

    assert 0 == result.exit_code, result.stdout
    assert ["r1"] == result.finished["to_revisions"]
