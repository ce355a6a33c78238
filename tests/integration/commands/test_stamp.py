"""`migrate stamp`: says where the database is, under the lock, and runs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


@pytest.fixture(autouse=True)
def _three_revisions(project: Project) -> None:
    for number, table in enumerate(("one", "two", "three"), 1):
        project.table(f"r{number}", table)


def _heads(database: Database) -> list[Any]:
    return sorted(head for (head,) in database.query("SELECT version_num FROM alembic_version"))


def _ledger(database: Database) -> list[tuple[Any, ...]]:
    return database.query(
        "SELECT direction, revision FROM migration_runner.ledger ORDER BY sequence"
    )


def test_a_stamp_runs_nothing_and_is_recorded_with_what_lies_below(
    any_database: Database, migrate: Migrate
) -> None:
    result = migrate.run("stamp", "r2", DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout
    assert "applied" == result.finished["outcome"]
    assert ["r2"] == [each["revision"] for each in result.finished["stamped"]]
    assert ["r2"] == [event["revision"] for event in result.of("revision_stamped")]
    assert ([], ["r2"]) == (result.finished["from_revisions"], result.finished["to_revisions"])
    assert "Version table set to r2 (was base)." == result.finished["summary"]
    assert ["r2"] == _heads(any_database)
    assert [(None,)] == any_database.query("SELECT to_regclass('one')::text")
    assert [("adopted", "r1"), ("stamp", "r2")] == _ledger(any_database)


def test_the_next_run_goes_on_behind_a_stamp(database: Database, migrate: Migrate) -> None:
    migrate.run("stamp", "r2", DATABASE_URL=database.url)

    result = migrate.run(DATABASE_URL=database.url)

    assert ["r3"] == [each["revision"] for each in result.finished["applied"]]
    rows = [("adopted", "r1"), ("stamp", "r2"), ("upgrade", "r3")]
    assert rows == _ledger(database)


def test_a_stamp_downwards_and_to_base(database: Database, migrate: Migrate) -> None:
    migrate.run(DATABASE_URL=database.url)
    ran = [("upgrade", "r1"), ("upgrade", "r2"), ("upgrade", "r3")]

    down = migrate.run("stamp", "r1", DATABASE_URL=database.url)
    base = migrate.run("stamp", "base", DATABASE_URL=database.url)

    assert [0, 0] == [down.exit_code, base.exit_code], down.stdout + base.stdout
    assert ["base"] == [each["revision"] for each in base.finished["stamped"]]
    assert [] == _heads(database) == base.finished["to_revisions"]
    assert [*ran, ("stamp", "r1"), ("stamp", None)] == _ledger(database)


def test_several_revisions_at_once(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("a1", down=None)
    project.revision("a2")

    result = migrate.run("stamp", "r2", "a2", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert ["a2", "r2"] == _heads(database) == result.finished["to_revisions"]
    rows = [("adopted", "a1"), ("adopted", "r1"), ("stamp", "a2"), ("stamp", "r2")]
    assert rows == sorted(_ledger(database))


def test_all_heads(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("a1", down=None)

    result = migrate.run("stamp", "heads", DATABASE_URL=database.url)

    assert ["a1", "r3"] == _heads(database) == result.finished["to_revisions"]


def test_a_stamp_to_where_the_database_is_does_nothing(
    database: Database, migrate: Migrate
) -> None:
    migrate.run("stamp", "head", DATABASE_URL=database.url)

    result = migrate.run("stamp", "head", DATABASE_URL=database.url)

    assert "up_to_date" == result.finished["outcome"]
    assert 1 == len([row for row in _ledger(database) if row[0] == "stamp"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("r9", "No such revision: 'r9'."),
        ("nowhere@head", "No such revision: 'nowhere'."),
    ],
)
def test_an_unknown_target(database: Database, migrate: Migrate, target: str, said: str) -> None:
    result = migrate.run("stamp", target, DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    assert result.finished["summary"].startswith(said)
    assert [(None,)] == database.query("SELECT to_regclass('alembic_version')::text")


def test_a_version_table_with_an_unknown_revision_needs_purge(
    database: Database, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)
    database.query("UPDATE alembic_version SET version_num = 'r9'")

    refused = migrate.run("stamp", "r2", DATABASE_URL=database.url)
    purged = migrate.run("stamp", "--purge", "r2", DATABASE_URL=database.url)

    assert 65 == refused.exit_code, refused.stdout
    assert 0 == purged.exit_code, purged.stdout
    assert ["r2"] == _heads(database) == purged.finished["to_revisions"]
    assert ("stamp", "r2") == _ledger(database)[-1]
    assert ["r3"] == migrate.run("stamp", "head", DATABASE_URL=database.url).finished[
        "to_revisions"
    ]


def test_purge_also_where_the_stamp_stays(database: Database, migrate: Migrate) -> None:
    migrate.run(DATABASE_URL=database.url)

    result = migrate.run("stamp", "--purge", "r3", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert ["r3"] == _heads(database)


def test_it_waits_for_the_run_lock(database: Database, migrate: Migrate) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(
            "stamp", "head", DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7"
        )
        waiting.wait_for_event("run_lock_busy")
        assert [(None,)] == database.query("SELECT to_regclass('alembic_version')::text")

    assert 0 == waiting.wait().exit_code
    assert ["r3"] == _heads(database)


def test_a_lock_that_stays_busy_is_temporary(database: Database, migrate: Migrate) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        result = migrate.run(
            *("stamp", "head", "--run-lock-timeout", "0", "--run-lock-key", "7"),
            DATABASE_URL=database.url,
        )

    assert 75 == result.exit_code, result.stdout
    assert [(None,)] == database.query("SELECT to_regclass('alembic_version')::text")


def test_without_a_ledger_a_stamp_works_all_the_same(database: Database, migrate: Migrate) -> None:
    result = migrate.run("stamp", "r2", DATABASE_URL=database.url, MIGRATE_LEDGER="off")

    assert ["r2"] == _heads(database) == result.finished["to_revisions"]
    assert [(None,)] == database.query("SELECT to_regclass('migration_runner.ledger')::text")
