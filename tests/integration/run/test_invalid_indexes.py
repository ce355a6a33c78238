"""A revision that leaves an index INVALID is not recorded as applied, and says what mends it."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

# Index, table, and both as Postgres writes them.
NAMES = {
    "plain": ("one_id", "one", "public.one_id"),
    "folded": ("One_ID", "public.One", "public.one_id"),
    "quoted": ('"One ""Id"" 100%"', 'shop."One: Two"', 'shop."One ""Id"" 100%"'),
    "too long": ("i" * 70, "shop.one", f"shop.{'i' * 63}"),
}
VALID = "SELECT indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE relname = "


def _recorded(database: Database) -> list[tuple[str]]:
    return database.query("SELECT revision FROM migration_runner.ledger ORDER BY sequence")


def _at(database: Database) -> list[tuple[str]]:
    return database.query("SELECT version_num FROM alembic_version")


def _table_with_duplicates(database: Database, table: str = "one") -> None:
    database.query("CREATE SCHEMA IF NOT EXISTS shop")
    database.query(f"CREATE TABLE {table} AS SELECT 1 AS id FROM generate_series(1, 2)")


def _remove_duplicates(database: Database, table: str = "one") -> None:
    database.query(f"DELETE FROM {table} a USING {table} b WHERE a.ctid > b.ctid")


def leave_invalid(database: Database, index: str = "one_id", table: str = "one") -> None:
    """Make an INVALID index, as a build that met a duplicate leaves it, on a table of one row."""
    _table_with_duplicates(database, table)
    build = f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} (id)"
    with database.connect() as connection, pytest.raises(Exception, match="could not create"):
        connection.execute(build.encode())
    _remove_duplicates(database, table)


def _builds(statement: str) -> str:
    return f"with op.get_context().autocommit_block():\n    op.execute({statement!r})\n"


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_one_that_if_not_exists_takes_for_a_good_one(
    database: Database, project: Project, migrate: Migrate, names: tuple[str, str, str]
) -> None:
    index, table, name = names
    leave_invalid(database, index, table)
    project.table("r1", "zero")
    statement = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table} (id)"
    project.revision("r2", _builds(statement))

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    assert ([("r1",)], [("r1",)]) == (_at(database), _recorded(database))
    error = failed.finished["error"]
    assert {
        "kind": "RevisionFailed",
        "reason": "invalid_index",
        "revision": "r2",
        "invalid_indexes": [name],
        "fix": [f"REINDEX INDEX CONCURRENTLY {name}"],
    }.items() <= error.items()
    (fix,) = error["fix"]
    assert f"({fix})" in failed.finished["summary"]
    assert ["r2"] == [event["revision"] for event in failed.of("revision_failed")]

    database.query(fix)
    mended = migrate.run(DATABASE_URL=database.url)

    assert 0 == mended.exit_code, mended.stdout
    assert ["r2"] == [each["revision"] for each in mended.finished["applied"]]
    assert ([("r2",)], [("r1",), ("r2",)]) == (_at(database), _recorded(database))


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_repairing_drops_and_builds_exactly_that(
    database: Database, project: Project, migrate: Migrate, names: tuple[str, str, str]
) -> None:
    index, table, name = names
    leave_invalid(database, index, table)
    project.revision("r1", _builds(f"CREATE INDEX CONCURRENTLY {index} ON {table} (id)"))

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_REPAIR_INVALID_INDEXES="true")

    assert 0 == result.exit_code, result.stdout
    (repaired,) = result.of("index_repaired")
    assert (name, f"DROP INDEX CONCURRENTLY {name}") == (repaired["index"], repaired["statement"])
    assert [(True,)] == database.query(
        f"SELECT indisvalid FROM pg_index WHERE indrelid = '{table}'::regclass"
    )


def test_a_build_that_meets_a_duplicate(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _table_with_duplicates(database)
    project.revision("r1", _builds("CREATE UNIQUE INDEX CONCURRENTLY one_id ON one (id)"))

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    error = failed.finished["error"]
    assert ("23505", ["public.one_id"]) == (error["sqlstate"], error["invalid_indexes"])
    drop = "DROP INDEX CONCURRENTLY public.one_id"
    assert f"drop it ({drop})" in failed.finished["summary"]
    assert [] == _at(database) == _recorded(database)

    database.query(drop)
    _remove_duplicates(database)
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code


def test_several_are_told_together(database: Database, project: Project, migrate: Migrate) -> None:
    leave_invalid(database, "one_id", "one")
    leave_invalid(database, "two_id", "two")
    project.revision(
        "r1",
        _builds("CREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id)")
        + _builds("CREATE INDEX CONCURRENTLY IF NOT EXISTS two_id ON two (id)"),
    )

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    fix = failed.finished["error"]["fix"]
    assert ["one_id", "two_id"] == sorted(each.rpartition(".")[2] for each in fix)
    for statement in fix:
        database.query(statement)
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code


def test_others_that_were_there_before_are_not_this_runs(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Of another name, on another table, or of the same name on another table."""
    leave_invalid(database, "other", "one")
    leave_invalid(database, "two_id", "two")
    leave_invalid(database, "one_id", "shop.one")
    project.revision("r1", _builds("CREATE INDEX CONCURRENTLY one_id ON one (id)"))
    invalid = "SELECT indexrelid FROM pg_index WHERE NOT indisvalid ORDER BY 1"
    before = database.query(invalid)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_REPAIR_INVALID_INDEXES="true")

    assert 0 == result.exit_code, result.stdout
    assert before == database.query(invalid)
    assert [] == result.of("index_repaired")


def test_a_valid_one_is_not_touched(database: Database, project: Project, migrate: Migrate) -> None:
    database.query("CREATE TABLE one (id bigint)")
    database.query("CREATE INDEX one_id ON one (id)")
    project.revision("r1", _builds("CREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id)"))
    before = database.query("SELECT 'one_id'::regclass::oid")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_REPAIR_INVALID_INDEXES="true")

    assert 0 == result.exit_code, result.stdout
    assert before == database.query("SELECT 'one_id'::regclass::oid")


def test_one_of_a_partitioned_table_is_invalid_on_purpose(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Until every partition has its own."""
    database.query("CREATE TABLE one (id bigint) PARTITION BY LIST (id)")
    database.query("CREATE TABLE part PARTITION OF one FOR VALUES IN (1)")
    project.revision("r1", 'op.execute("CREATE INDEX one_id ON ONLY one (id)")')
    project.revision("r2", _builds("CREATE INDEX CONCURRENTLY part_id ON part (id)"))

    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert [(False,)] == database.query(f"{VALID} 'one_id'")
    assert [(True,)] == database.query(f"{VALID} 'part_id'")
