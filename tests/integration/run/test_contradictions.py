"""Version table, ledger and history contradict each other: nothing happens, and ways out work."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result

LEDGER = "SELECT direction, revision, parents FROM migration_runner.ledger ORDER BY sequence"
TABLES = "SELECT relname FROM pg_class WHERE relname IN ('one', 'two', 'x') ORDER BY 1"
APPLIED: list[tuple[Any, ...]] = [("upgrade", "r1", []), ("upgrade", "r2", ["r1"])]


def _table(project: Project, name: str, table: str, down: str | None, header: str = "") -> None:
    """Write a revision that creates a table, and fails where it is there already."""
    # A file of the same size, rewritten in the same second, would be taken from there.
    shutil.rmtree(project.versions / "__pycache__", ignore_errors=True)
    project.revision(name, f'op.execute("CREATE TABLE {table} ()")', down=down, header=header)


def _applied(project: Project, migrate: Migrate, database: Database) -> None:
    """Apply r1 and r2."""
    _table(project, "r1", "one", None)
    _table(project, "r2", "two", "r1")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code


def _refused(reason: str, database: Database, migrate: Migrate, *words: str) -> Result:
    """Run, and expect that nothing happens."""
    query = "SELECT count(*) FROM migration_runner.ledger"
    rows, tables = database.query(query), database.query(TABLES)
    result = migrate.run(*words, DATABASE_URL=database.url)
    assert 65 == result.exit_code, result.stdout
    assert reason == result.finished["error"]["reason"]
    assert rows == database.query(query)
    assert tables == database.query(TABLES)
    return result


def _status(database: Database, migrate: Migrate, code: int = 65) -> dict[str, Any]:
    checked = migrate.run("status", "--check", "--json", DATABASE_URL=database.url)
    assert code == checked.exit_code, checked.stdout
    facts: dict[str, Any] = json.loads(checked.stdout)
    return facts


def _outcome(database: Database, migrate: Migrate, *words: str, **variables: str) -> Any:
    result = migrate.run(*words, DATABASE_URL=database.url, **variables)
    assert 0 == result.exit_code, result.stdout
    return result.finished["outcome"]


def _insert_below(project: Project) -> None:
    _table(project, "x1", "x", "r1")
    _table(project, "r2", "two", "x1")


def test_a_revision_put_below_the_head_never_ran(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    database = any_database
    _applied(project, migrate, database)
    _insert_below(project)

    result = _refused("never_ran", database, migrate)

    summary = result.finished["summary"]
    assert f"x1 ({project.versions / 'x1.py'}) below r2" in summary
    assert "by the ledger r2 was applied on r1" in summary
    assert "migrate stamp r2." in summary
    assert summary.endswith("Nothing was applied; the database is at r2.")
    _refused("never_ran", database, migrate, "wait")
    _refused("never_ran", database, migrate, "downgrade", "--yes", "r1")
    facts = _status(database, migrate)
    assert ("contradictory", []) == (facts["relation"], facts["pending"])
    assert ["x1"] == facts["contradiction"]["revisions"]
    assert summary.startswith(facts["contradiction"]["message"])
    for command in ("check", "revision"):
        words = [command, "--autogenerate", "-m", "z"] if command == "revision" else [command]
        assert 65 == migrate.run(*words, DATABASE_URL=database.url).exit_code
    assert APPLIED == database.query(LEDGER)


def test_it_can_be_put_above_the_head(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database)
    _insert_below(project)
    _refused("never_ran", database, migrate)
    _table(project, "r2", "two", "r1")
    _table(project, "x1", "x", "r2")

    assert "applied" == _outcome(database, migrate)
    assert [("one",), ("two",), ("x",)] == database.query(TABLES)


def test_it_can_be_stamped(database: Database, project: Project, migrate: Migrate) -> None:
    """The version table has the revision already, so that only the ledger changes."""
    _applied(project, migrate, database)
    _insert_below(project)
    _refused("never_ran", database, migrate)

    assert "up_to_date" == _outcome(database, migrate, "stamp", "r2")

    assert [*APPLIED, ("adopted", "x1", ["r1"]), ("stamp", "r2", ["x1"])] == database.query(LEDGER)
    assert "up_to_date" == _outcome(database, migrate)
    assert "at head" == _status(database, migrate, 0)["relation"]


def test_a_dependency_that_was_added_later(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Alembic takes it for applied, too."""
    _applied(project, migrate, database)
    _table(project, "x1", "x", None)
    _table(project, "r2", "two", "r1", header='depends_on = "x1"')

    result = _refused("never_ran", database, migrate, "upgrade", "heads")

    assert ["x1"] == result.finished["error"]["revisions"]


def test_two_revisions_that_changed_places(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The version table then says that the lower one is all there is."""
    _applied(project, migrate, database)
    _table(project, "r2", "two", None)
    _table(project, "r1", "one", "r2")

    result = _refused("ran_already", database, migrate)

    assert ["r1"] == result.finished["error"]["revisions"]
    assert f"would apply r1 ({project.versions / 'r1.py'})" in result.finished["summary"]
    assert "contradictory" == _status(database, migrate)["relation"]
    assert 0 == migrate.run("stamp", "r1", DATABASE_URL=database.url).exit_code
    assert "up_to_date" == _outcome(database, migrate)
    assert [("one",), ("two",)] == database.query(TABLES)


def test_what_was_undone_is_stamped_as_it_is(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database)
    _table(project, "r2", "two", None)
    _table(project, "r1", "one", "r2")
    database.query("DROP TABLE one")
    _refused("ran_already", database, migrate)

    assert "up_to_date" == _outcome(database, migrate, "stamp", "r2")
    assert "applied" == _outcome(database, migrate)
    assert [("one",), ("two",)] == database.query(TABLES)


def test_another_run_has_applied_another_history_meanwhile(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """A run that waits for it finds the database at its own head, but not its own history."""
    _table(project, "r1", "one", None)
    assert "applied" == _outcome(database, migrate)
    _insert_below(project)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        waiting.wait_for_event("run_lock_busy")
        (project.versions / "x1.py").unlink()
        _table(project, "r2", "two", "r1")
        assert "applied" == _outcome(database, migrate, MIGRATE_RUN_LOCK_KEY="8")

        result = waiting.wait()

    assert (65, "never_ran") == (result.exit_code, result.finished["error"]["reason"])
    assert APPLIED == database.query(LEDGER)


def test_what_is_squashed_and_keeps_its_id_goes_on(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """So does an older image: the ledger still has what was squashed."""
    _applied(project, migrate, database)
    (project.versions / "r1.py").unlink()
    _table(project, "r2", "two", None)
    _table(project, "r3", "x", "r2")

    assert "applied" == _outcome(database, migrate, MIGRATE_CHECKSUM="off")

    (project.versions / "r3.py").unlink()
    _table(project, "r1", "one", None)
    _table(project, "r2", "two", "r1")
    assert "ahead" == _outcome(database, migrate)


def test_what_is_squashed_under_another_id_is_stamped(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database)
    (project.versions / "r1.py").unlink()
    _table(project, "s1", "one", None)
    _table(project, "r2", "two", "s1")

    result = _refused("never_ran", database, migrate)

    assert "the history was squashed" in result.finished["summary"]
    assert "up_to_date" == _outcome(database, migrate, "stamp", "r2", MIGRATE_CHECKSUM="off")
    assert "up_to_date" == _outcome(database, migrate)


def test_a_branch_with_an_own_base_is_stamped_with_the_other_heads(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database)
    _table(project, "b1", "b", None)
    assert "applied" == _outcome(database, migrate, "upgrade", "heads")
    _insert_below(project)

    result = _refused("never_ran", database, migrate, "upgrade", "heads")

    assert "migrate stamp b1 r2." in result.finished["summary"]
    assert "up_to_date" == _outcome(database, migrate, "stamp", "b1", "r2")
    assert "up_to_date" == _outcome(database, migrate, "upgrade", "heads")
