"""Without privileges on the ledger: `on` warns once and continues, `require` touches nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from migration_runner.documentation import docs_page
from migration_runner.ledger.schema import CREATE_LEDGER
from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result

# Two version tables, so that everything happens twice in a run.
TWO_TABLES_ENV = """\
from alembic import context

connection = context.config.attributes["connection"]
for table in ("alembic_version", "other_version"):
    context.configure(
        connection=connection, version_table=table, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
"""
OBJECTS = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'migration_runner')"
    " AND c.relkind = 'r' ORDER BY 1"
)
ROWS = "SELECT direction, revision FROM migration_runner.ledger ORDER BY sequence"


def _objects(database: Database) -> list[str]:
    return [name for (name,) in database.query(OBJECTS)]


def _as_administrator(database: Database, *statements: str) -> None:
    owner = sql.Identifier(database.owner).as_string()
    with database.server.connect(database.name) as admin:
        for statement in statements:
            admin.execute(statement.replace("OWNER", owner).encode())


def _may_not_create(database: Database) -> None:
    name = sql.Identifier(database.name).as_string()
    _as_administrator(database, f"REVOKE CREATE ON DATABASE {name} FROM OWNER")


def _may(database: Database, *rights: str) -> None:
    """Let an administrator make the ledger, with these rights of the owner's to it."""
    _may_not_create(database)
    grants = [f"GRANT {right} ON migration_runner.ledger TO OWNER" for right in rights]
    usage = "GRANT USAGE ON SCHEMA migration_runner TO OWNER"
    _as_administrator(database, *CREATE_LEDGER, usage, *grants)


def _warning(result: Result) -> dict[str, Any]:
    (event,) = result.of("ledger_unavailable")
    assert docs_page("privileges") in event["advice"]
    return event


@pytest.mark.parametrize("env", ["one history", "two"])
def test_without_the_right_to_make_it_a_run_warns_once_and_goes_on(
    any_database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    if env == "two":
        project.write_env(TWO_TABLES_ENV)
    project.revision("r1")
    project.revision("r2")
    _may_not_create(any_database)

    result = migrate.run(DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout
    assert "schema migration_runner" in _warning(result)["detail"]
    assert "applied" == result.finished["outcome"]
    assert "migration_runner.ledger" not in _objects(any_database)


def test_where_it_is_required_nothing_is_touched(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    """Not even the version table is made."""
    project.table("r1", "one")
    _may_not_create(any_database)

    result = migrate.run(DATABASE_URL=any_database.url, MIGRATE_LEDGER="require")

    assert 77 == result.exit_code, result.stdout
    assert "ledger_unavailable" == result.finished["error"]["reason"]
    assert "GRANT CREATE ON DATABASE" in result.finished["summary"]
    assert "run_lock_acquired" not in result.names
    assert [] == _objects(any_database)


def test_where_it_is_required_a_database_at_the_head_is_refused_too(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="off")
    _may_not_create(database)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="require")

    assert 77 == result.exit_code, result.stdout


def test_switched_off_it_is_neither_made_nor_written(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    off = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="off")

    assert 0 == off.exit_code, off.stdout
    assert ["public.alembic_version", "public.one"] == _objects(database)

    migrate.run(DATABASE_URL=database.url)
    project.table("r2", "two")
    assert 0 == migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="off").exit_code
    assert [("adopted", "r1")] == database.query(ROWS)


@pytest.mark.parametrize("rights", [(), ("SELECT",), ("INSERT",)])
def test_one_that_may_not_be_written_is_as_none(
    database: Database, project: Project, migrate: Migrate, rights: tuple[str, ...]
) -> None:
    project.table("r1", "one")
    _may(database, *rights)

    required = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="require")

    assert 77 == required.exit_code, required.stdout
    assert ["migration_runner.ledger"] == _objects(database)

    first, second = (migrate.run(DATABASE_URL=database.url) for _ in range(2))

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert ["applied", "up_to_date"] == [each.finished["outcome"] for each in (first, second)]
    assert "migration_runner.ledger" in _warning(first)["detail"]
    with database.server.connect(database.name) as admin:
        assert [] == admin.execute("TABLE migration_runner.ledger").fetchall()


def test_one_that_an_administrator_has_made_is_enough(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    """With the grants of docs/privileges.md."""
    project.table("r1", "one")
    _may(any_database, "SELECT, INSERT")

    result = migrate.run(DATABASE_URL=any_database.url, MIGRATE_LEDGER="require")

    assert 0 == result.exit_code, result.stdout
    assert [("upgrade", "r1")] == any_database.query(ROWS)


@pytest.fixture
def role(database: Database) -> str:
    """Return a role that may do nothing, but the owner may become it."""
    name = f"{database.owner}_other"
    _as_administrator(database, f"CREATE ROLE {name}", f"GRANT {name} TO OWNER")
    return name


def test_a_revision_that_goes_on_as_somebody_else(
    database: Database, project: Project, migrate: Migrate, role: str
) -> None:
    """As them it may not write the ledger; the next run takes the revision over."""
    project.table("r1", "one")
    project.revision("r2", f'op.execute("GRANT ALL ON alembic_version TO {role}; SET ROLE {role}")')

    required = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="require")

    assert 77 == required.exit_code, required.stdout
    assert ["r1"] == required.finished["to_revisions"]
    assert [("upgrade", "r1")] == database.query(ROWS)

    result, following = (migrate.run(DATABASE_URL=database.url) for _ in range(2))
    rows = database.query(ROWS)
    _as_administrator(database, f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert (0, 0) == (result.exit_code, following.exit_code), result.stdout + following.stdout
    assert "permission denied" in _warning(result)["detail"]
    assert ["r2"] == [each["revision"] for each in result.finished["applied"]]
    assert [("upgrade", "r1"), ("adopted", "r2")] == rows


def test_two_histories_that_make_it_at_the_same_moment(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    """`IF NOT EXISTS` alone would let one of them fail."""
    project.write_env(
        TWO_TABLES_ENV.replace(
            '("alembic_version", "other_version")', '[os.environ["TABLE"]]'
        ).replace("from alembic", "import os\nfrom alembic")
    )
    project.revision("r1")
    with any_database.server.connect(any_database.name) as admin, admin.transaction():
        admin.execute("LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE")
        runs = [
            migrate.start(DATABASE_URL=any_database.url, TABLE=table, MIGRATE_DDL_LOCK_TIMEOUT="0")
            for table in ("one_version", "two_version", "three_version")
        ]
        any_database.wait_until(
            "1 FROM pg_locks WHERE relation = 'pg_namespace'::regclass AND NOT granted"
            " HAVING count(*) = 3"
        )
    results = [run.wait() for run in runs]

    assert [0, 0, 0] == [result.exit_code for result in results], results
    assert not [event for result in results for event in result.of("ledger_unavailable")]
    assert [("upgrade", "r1")] * 3 == any_database.query(ROWS)


def test_one_that_is_made_in_somebody_elses_open_transaction(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    with database.connect() as other, other.transaction():
        for statement in CREATE_LEDGER:
            other.execute(statement.encode())
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="0")
        database.wait_until(
            "1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE SCHEMA%'"
        )
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    assert [("upgrade", "r1")] == database.query(ROWS)
    with database.connect() as connection, pytest.raises(psycopg.errors.DuplicateTable):
        connection.execute("CREATE TABLE migration_runner.ledger ()")
