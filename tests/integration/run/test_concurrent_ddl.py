"""Statements that nobody queues behind are not killed by the DDL lock timeout."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result

DDL_LOCK_TIMEOUT = "100ms"
# By the server's own clock: it would have killed the statement long ago.
OVERDUE = (
    "1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %' AND wait_event_type = 'Lock'"
    " AND clock_timestamp() - query_start > '600ms'"
)
WRITES = "INSERT INTO one VALUES (1)"
READS = "SELECT * FROM one"
VACUUMS = "LOCK TABLE one IN SHARE UPDATE EXCLUSIVE MODE"
TABLE = "CREATE TABLE one (id bigint); CREATE INDEX one_old ON one (id)"
UNVALIDATED = f"{TABLE}; ALTER TABLE one ADD CONSTRAINT positive CHECK (id > 0) NOT VALID"
PARTITIONED = (
    "CREATE TABLE one (id bigint) PARTITION BY LIST (id);"
    " CREATE TABLE part PARTITION OF one FOR VALUES IN (1)"
)
NOTE_TIMEOUT = "op.execute(\"INSERT INTO seen SELECT current_setting('lock_timeout')\")"
CASES = {
    "create": (TABLE, "CREATE INDEX CONCURRENTLY one_new ON one (id)", WRITES),
    "create unique": (TABLE, "create unique index concurrently one_new on one (id);", WRITES),
    "drop": (TABLE, "DROP INDEX CONCURRENTLY one_old", READS),
    "reindex": (TABLE, "REINDEX INDEX CONCURRENTLY one_old", WRITES),
    "reindex table": (TABLE, "-- bloat\nREINDEX (VERBOSE, CONCURRENTLY) TABLE one", WRITES),
    "validate": (UNVALIDATED, "ALTER TABLE one VALIDATE CONSTRAINT positive", VACUUMS),
    "detach": (PARTITIONED, "ALTER TABLE one DETACH PARTITION part CONCURRENTLY", READS),
    "wait for the table": (TABLE, "CREATE INDEX CONCURRENTLY one_new ON one (id)", VACUUMS),
}


def _autocommitted(*lines: str) -> str:
    return "\n".join(["with op.get_context().autocommit_block():", *(f"    {x}" for x in lines)])


def _prepare(database: Database, setup: str = TABLE) -> None:
    database.query(f"{setup}; CREATE TABLE seen (lock_timeout text)")


def _hold_up(database: Database, migrate: Migrate, held_up_by: str) -> Result:
    """Run, and let another transaction go on until the run is overdue."""
    with database.connect() as other, other.transaction():
        other.execute(held_up_by.encode())
        running = migrate.start(
            DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT=DDL_LOCK_TIMEOUT
        )
        database.wait_until(OVERDUE)
    return running.wait()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_waits_as_long_as_it_needs(
    database: Database, project: Project, migrate: Migrate, case: tuple[str, str, str]
) -> None:
    setup, statement, held_up_by = case
    _prepare(database, setup)
    execute = f"op.execute({statement!r})"
    block = execute if "VALIDATE" in statement else _autocommitted(execute)
    # The first transaction makes the version table, and so holds a lock.
    project.revision("r0")
    project.revision("r1", f"{block}\n{NOTE_TIMEOUT}")

    result = _hold_up(database, migrate, held_up_by)

    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("revision_retried")
    # For what comes after it, the usual one is in force again.
    assert [(DDL_LOCK_TIMEOUT,)] == database.query("SELECT * FROM seen")


@pytest.mark.parametrize(
    "call",
    [
        'op.create_index("one_new", "one", ["id"], postgresql_concurrently=True)',
        'op.drop_index("one_old", "one", postgresql_concurrently=True)',
        'op.get_bind().exec_driver_sql("CREATE INDEX CONCURRENTLY one_new ON one (id)")',
    ],
)
def test_so_does_alembics_own_operation(
    database: Database, project: Project, migrate: Migrate, call: str
) -> None:
    _prepare(database)
    project.revision("r1", _autocommitted(call) + "\n" + NOTE_TIMEOUT)

    result = _hold_up(database, migrate, WRITES)

    assert 0 == result.exit_code, result.stdout
    assert [(DDL_LOCK_TIMEOUT,)] == database.query("SELECT * FROM seen")


@pytest.mark.parametrize("place", ["autocommit_block", "transaction"])
def test_an_ordinary_statement_behind_it_is_killed_as_ever(
    database: Database, project: Project, migrate: Migrate, place: str
) -> None:
    _prepare(database)
    build = 'op.execute("CREATE INDEX CONCURRENTLY one_new ON one (id)")'
    alter = 'op.execute("ALTER TABLE seen ADD COLUMN note text")'
    lines = [build, alter] if place == "autocommit_block" else [build]
    project.revision("r1", _autocommitted(*lines) + "\n" + alter)
    with database.connect() as other, other.transaction():
        other.execute("SELECT * FROM seen")

        result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT=DDL_LOCK_TIMEOUT)

    assert 75 == result.exit_code, result.stdout
    assert "55P03" == result.finished["error"]["sqlstate"]
    assert "ALTER TABLE seen ADD COLUMN note text" == result.finished["error"]["statement"]


@pytest.mark.parametrize("place", ["autocommit_block", "savepoint"])
def test_after_one_that_fails_the_usual_timeout_is_in_force(
    database: Database, project: Project, migrate: Migrate, place: str
) -> None:
    """A revision can catch that."""
    _prepare(database)
    within, statement = "op.get_bind().begin_nested()", "ALTER TABLE one VALIDATE CONSTRAINT no"
    if place == "autocommit_block":
        within = "op.get_context().autocommit_block()"
        statement = "CREATE INDEX CONCURRENTLY one_new ON one (no)"
    project.revision(
        "r1",
        f"try:\n    with {within}:\n        op.execute({statement!r})\n"
        f"except sa.exc.DBAPIError:\n    pass\n{NOTE_TIMEOUT}",
    )

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT=DDL_LOCK_TIMEOUT)

    assert 0 == result.exit_code, result.stdout
    assert [(DDL_LOCK_TIMEOUT,)] == database.query("SELECT * FROM seen")


def test_it_can_have_a_timeout_of_its_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _prepare(database)
    project.revision(
        "r1", _autocommitted('op.execute("CREATE INDEX CONCURRENTLY one_new ON one (id)")')
    )
    with database.connect() as other, other.transaction():
        other.execute(WRITES)
        pid = other.info.backend_pid

        result = migrate.run(
            DATABASE_URL=database.url,
            MIGRATE_DDL_LOCK_TIMEOUT="1h",
            # The observer looks every second.
            MIGRATE_CONCURRENT_LOCK_TIMEOUT="5s",
        )

    assert 75 == result.exit_code, result.stdout
    # Half of it is there: it is not tried again, and says what to do first.
    assert [] == result.of("revision_retried")
    error = result.finished["error"]
    assert ("55P03", ["public.one_new"]) == (error["sqlstate"], error["invalid_indexes"])
    assert "DROP INDEX CONCURRENTLY public.one_new" in result.finished["summary"]
    assert [pid] == [blocker["pid"] for blocker in error["blockers"]]


def test_a_timeout_that_the_revision_sets_is_kept(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _prepare(database)
    project.revision(
        "r1",
        _autocommitted(
            "op.execute(\"SET lock_timeout = '200ms'\")",
            'op.execute("CREATE INDEX CONCURRENTLY one_new ON one (id)")',
        ),
    )
    with database.connect() as other, other.transaction():
        other.execute(WRITES)

        result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1h")

    assert 75 == result.exit_code, result.stdout
    assert "55P03" == result.finished["error"]["sqlstate"]


def test_and_is_still_there_behind_the_statement(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _prepare(database)
    project.revision(
        "r1",
        _autocommitted(
            "op.execute(\"SET lock_timeout = '2h'\")",
            'op.execute("CREATE INDEX CONCURRENTLY one_new ON one (id)")',
            NOTE_TIMEOUT,
        ),
    )

    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert [("2h",)] == database.query("SELECT * FROM seen")
