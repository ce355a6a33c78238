"""`migrate downgrade`: nothing is undone that nobody has agreed to."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.terminal import run_on_terminal

TABLES = ("one", "two", "three")
UNDONE = "op.execute('DROP TABLE {table}')"
ASLEEP = (
    "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
    " AND query = 'SELECT pg_sleep(3600)'"
)


def _rewrite(path: Path, downgrade: str) -> None:
    head, _, _ = path.read_text().partition("def downgrade():")
    path.write_text(f"{head}def downgrade():\n    {downgrade}\n")


@pytest.fixture
def at_head(database: Database, project: Project, migrate: Migrate) -> Database:
    """Return a database with three revisions, each of which undoes what it does."""
    for number, table in enumerate(TABLES, 1):
        _rewrite(project.table(f"r{number}", table), UNDONE.format(table=table))
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    return database


def _tables(database: Database) -> list[str]:
    found = dict(database.query("SELECT tablename, 1 FROM pg_tables WHERE schemaname = 'public'"))
    return [table for table in TABLES if table in found]


def _heads(database: Database) -> list[Any]:
    return database.query("SELECT version_num FROM alembic_version")


def _ledger(database: Database, direction: str) -> list[tuple[Any, ...]]:
    return database.query(
        "SELECT revision, parents, run_id, duration_seconds IS NULL FROM migration_runner.ledger"
        f" WHERE direction = '{direction}' ORDER BY sequence"
    )


def test_without_a_terminal_it_says_what_it_would_undo(at_head: Database, migrate: Migrate) -> None:
    result = migrate.run("downgrade", "r1", DATABASE_URL=at_head.url)

    assert 64 == result.exit_code, result.stdout
    assert (
        "This undoes 2 revisions of public.alembic_version in shop_" in result.finished["summary"]
    )
    assert ": r3 (r3 does its work); r2 (" in result.finished["summary"]
    assert "--yes" in result.finished["summary"]
    assert ["r3", "r2"] == result.finished["error"]["revisions"]
    assert ["one", "two", "three"] == _tables(at_head)
    assert [] == result.of("run_lock_acquired")


def test_with_yes_it_undoes_and_records(at_head: Database, migrate: Migrate) -> None:
    result = migrate.run("downgrade", "--yes", "r1", DATABASE_URL=at_head.url)

    assert 0 == result.exit_code, result.stdout
    assert ["r3", "r2"] == [each["revision"] for each in result.finished["undone"]]
    assert ["r3", "r2"] == [event["revision"] for event in result.of("revision_undone")]
    assert (["r3"], ["r1"]) == (result.finished["from_revisions"], result.finished["to_revisions"])
    assert result.finished["summary"].startswith("Undid 2 revisions in ")
    assert result.finished["summary"].endswith(": r3 -> r1.")
    assert ["one"] == _tables(at_head)
    run_id = result.finished["run_id"]
    rows = [("r3", ["r2"], run_id, False), ("r2", ["r1"], run_id, False)]
    assert rows == _ledger(at_head, "downgrade")


def test_what_was_undone_is_pending_again(at_head: Database, migrate: Migrate) -> None:
    migrate.run("downgrade", "--yes", "r2", DATABASE_URL=at_head.url)

    result = migrate.run(DATABASE_URL=at_head.url)

    assert ["r3"] == [each["revision"] for each in result.finished["applied"]]


@pytest.mark.parametrize("typed", ["y\n", "YES\n", "n\n", "\n"])
def test_on_a_terminal_it_asks(
    at_head: Database, project: Project, migrate: Migrate, typed: str
) -> None:
    screen = run_on_terminal(
        project, migrate, "downgrade", "r1", typed=typed, DATABASE_URL=at_head.url
    )

    assert "This undoes 2 revisions of public.alembic_version in shop_" in screen.text
    assert ": r3 (r3 does its work); r2 (" in screen.text
    assert "Data in the dropped objects will be lost. Continue? [y/N]" in screen.text
    if typed.lower().startswith("y"):
        assert (0, ["one"]) == (screen.exit_code, _tables(at_head)), screen.text
    else:
        assert (64, [*TABLES]) == (screen.exit_code, _tables(at_head)), screen.text
        assert "Cancelled. Nothing was undone; the database is at r3." in screen.text


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("-1", ["one", "two"]),
        ("-3", []),
        ("base", []),
        ("r2", ["one", "two"]),
        ("r2-1", ["one"]),
        ("head-2", ["one"]),
        ("r3", [*TABLES]),
    ],
)
def test_targets_are_alembics(
    at_head: Database, migrate: Migrate, target: str, left: list[str]
) -> None:
    result = migrate.run("downgrade", "--yes", target, DATABASE_URL=at_head.url)

    assert 0 == result.exit_code, result.stdout
    assert left == _tables(at_head)
    assert ("applied" if len(left) < 3 else "up_to_date") == result.finished["outcome"]


def test_a_branch_is_undone_by_its_label(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    project.revision("a1", down=None, header='branch_labels = ("billing",)')
    project.revision("a2")
    migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET="heads")

    result = migrate.run("downgrade", "--yes", "billing@-1", DATABASE_URL=database.url)

    assert ["a2"] == [each["revision"] for each in result.finished["undone"]]
    assert [("a1",), ("r1",)] == sorted(_heads(database))


@pytest.mark.parametrize(("target", "exit_code"), [("base", 0), ("-1", 65), ("r9", 65)])
def test_there_is_nothing_to_undo(
    database: Database, project: Project, migrate: Migrate, target: str, exit_code: int
) -> None:
    """No question is asked, then."""
    project.table("r1", "one")

    result = migrate.run("downgrade", target, DATABASE_URL=database.url)

    assert exit_code == result.exit_code, result.stdout


def test_a_revision_that_the_image_does_not_have_cannot_be_undone(
    at_head: Database, project: Project, migrate: Migrate
) -> None:
    (project.versions / "r3.py").unlink()

    result = migrate.run("downgrade", "--yes", "r1", DATABASE_URL=at_head.url)

    assert 65 == result.exit_code, result.stdout
    assert "unknown_revision" == result.finished["error"]["reason"]
    assert "r3, which this image does not have" in result.finished["summary"]
    assert [*TABLES] == _tables(at_head)


def test_a_downgrade_that_fails_is_rolled_back(
    at_head: Database, project: Project, migrate: Migrate
) -> None:
    _rewrite(project.versions / "r2.py", "op.execute('DROP TABLE two; SELECT 1 / 0')")

    result = migrate.run("downgrade", "--yes", "base", DATABASE_URL=at_head.url)

    assert 1 == result.exit_code, result.stdout
    assert ["r3"] == [each["revision"] for each in result.finished["undone"]]
    assert "This run undid 1 revision; the database is at r2." in result.finished["summary"]
    assert ["one", "two"] == _tables(at_head)
    assert ["r3"] == [row[0] for row in _ledger(at_head, "downgrade")]


def test_it_waits_for_the_run_lock(at_head: Database, migrate: Migrate) -> None:
    with at_head.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(
            *("downgrade", "--yes", "-1"), DATABASE_URL=at_head.url, MIGRATE_RUN_LOCK_KEY="7"
        )
        waiting.wait_for_event("run_lock_busy")
        assert [*TABLES] == _tables(at_head)

    assert ["r3"] == [each["revision"] for each in waiting.wait().finished["undone"]]


def test_what_somebody_agreed_to_must_still_be_so_under_the_lock(
    at_head: Database, migrate: Migrate
) -> None:
    with at_head.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(
            *("downgrade", "--yes", "-1"), DATABASE_URL=at_head.url, MIGRATE_RUN_LOCK_KEY="7"
        )
        waiting.wait_for_event("run_lock_busy")
        migrate.run("downgrade", "--yes", "-1", DATABASE_URL=at_head.url)

    result = waiting.wait()
    assert 65 == result.exit_code, result.stdout
    assert "changed_meanwhile" == result.finished["error"]["reason"]
    assert ["one", "two"] == _tables(at_head)


def test_an_interrupt_rolls_back(at_head: Database, project: Project, migrate: Migrate) -> None:
    _rewrite(project.versions / "r3.py", "op.execute('SELECT pg_sleep(3600)')")
    running = migrate.start("downgrade", "--yes", "-1", DATABASE_URL=at_head.url)
    at_head.wait_until(f"1 {ASLEEP}")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert 143 == result.exit_code, result.stdout
    assert [] == result.finished["undone"]
    assert [("r3",)] == _heads(at_head)
    assert [] == _ledger(at_head, "downgrade")


def test_a_relative_target_is_not_counted_again_from_half_way(
    at_head: Database, project: Project, migrate: Migrate
) -> None:
    """A lost session must not undo what nobody has agreed to."""
    _rewrite(project.versions / "r2.py", "op.execute('SELECT pg_sleep(3600)')")
    running = migrate.start("downgrade", "--yes", "-2", DATABASE_URL=at_head.url)
    at_head.wait_until(f"1 {ASLEEP}")

    at_head.query(f"SELECT pg_terminate_backend(pid) {ASLEEP}")

    result = running.wait()
    assert 75 == result.exit_code, result.stdout
    assert ["r3"] == [each["revision"] for each in result.finished["undone"]]
    assert "would count -2 from the database's current revision" in result.finished["summary"]
    assert [("r2",)] == _heads(at_head)


def test_an_absolute_target_is_reached_over_a_new_session(
    at_head: Database, project: Project, migrate: Migrate
) -> None:
    at_head.query("CREATE TABLE gate AS SELECT 1")
    slow = "op.execute('SELECT pg_sleep(3600) FROM gate; DROP TABLE two')"
    _rewrite(project.versions / "r2.py", slow)
    running = migrate.start("downgrade", "--yes", "r1", DATABASE_URL=at_head.url)
    asleep = ASLEEP.replace("= 'SELECT pg_sleep(3600)'", "~ '^SELECT pg_sleep'")
    at_head.wait_until(f"1 {asleep}")
    at_head.query("DELETE FROM gate")

    at_head.query(f"SELECT pg_terminate_backend(pid) {asleep}")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert ["r3", "r2"] == [each["revision"] for each in result.finished["undone"]]
    assert ["one"] == _tables(at_head)
