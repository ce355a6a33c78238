"""The advice of a failure fits its cause."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, own_engine_that_first, shop_url
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.failing_statements import raising
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def test_a_revision_that_needs_the_one_before_committed(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(ENV_SOURCES["own"].format(options=""))
    project.revision("r1", "op.execute(\"CREATE TYPE mood AS ENUM ('ok')\")")
    migrate.run(DATABASE_URL=database.url)
    project.revision("r2", "op.execute(\"ALTER TYPE mood ADD VALUE 'happy'\")")
    project.revision("r3", "op.execute(\"SELECT 'happy'::mood\")")

    together = migrate.run(DATABASE_URL=database.url)
    apart = migrate.run(DATABASE_URL=database.url, MIGRATE_TRANSACTIONS="revision")

    assert 1 == together.exit_code
    assert "MIGRATE_TRANSACTIONS=revision" in together.finished["summary"]
    assert 0 == apart.exit_code, apart.stdout


def test_a_database_whose_tables_the_application_has_made(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    database.query("CREATE TABLE one (id bigint)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert "migrate stamp" in result.finished["summary"]


def test_a_revision_id_that_the_version_table_does_not_take(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("a_revision_id_of_more_than_32_characters", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert "32 characters" in result.finished["summary"]


@pytest.mark.parametrize("options", ["transaction_per_migration=True", ""], ids=["each", "all"])
def test_a_deferred_constraint_names_its_revision(
    database: Database, project: Project, migrate: Migrate, options: str
) -> None:
    project.write_env(ENV_SOURCES["offered"].format(options=options))
    project.revision(
        "r1",
        """\
        op.execute("CREATE TABLE one (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        op.execute("INSERT INTO one VALUES (1), (1)")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert result.finished["summary"].startswith("Revision r1 failed (")
    assert "It was rolled back." in result.finished["summary"]


def test_another_replica_creates_the_same_schema(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Before `configure()`, and so before the run lock."""
    project.write_env(own_engine_that_first("CREATE SCHEMA IF NOT EXISTS app"))
    project.table("r1", "one")
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("CREATE SCHEMA app")
        running = migrate.start(SHOP_URL=shop_url(database), **POOLED)
        database.wait_until(
            "1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'CREATE SCHEMA%' AND wait_event_type = 'Lock'"
            " AND pid <> pg_backend_pid()"
        )
        other.execute("COMMIT")
        result = running.wait()

    assert 75 == result.exit_code, result.stdout
    assert "Run again." in result.finished["summary"]


@pytest.mark.parametrize("state", ["42P04", "42P07", "55006", "XX000"])
def test_another_replica_was_faster_than_env_py(
    database: Database, project: Project, migrate: Migrate, state: str
) -> None:
    """Between its look, as `create_all` has one, and its statement."""
    project.write_env(own_engine_that_first(raising(state)))
    project.table("r1", "one")

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 75 == result.exit_code, result.stdout
    assert "nother session" in result.finished["summary"]


def test_an_error_of_env_pys_own_statement_is_not_the_revisions(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """In the revisions' transaction, behind them."""
    project.write_env(
        OWN_ENGINE.replace(
            "        context.run_migrations()",
            "        context.run_migrations()\n"
            '        connection.exec_driver_sql("GRANT SELECT ON nothing TO nobody")',
        )
    )
    project.table("r1", "one")

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 1 == result.exit_code, result.stdout
    assert "A statement outside of any revision failed" in result.finished["summary"]


CAUGHT = """\
op.execute("CREATE TABLE one (id bigint)")
try:
    op.drop_constraint("no_such_constraint", "one")
except Exception:
    pass
{then}
"""


@pytest.mark.parametrize("then", ["pass", 'op.execute("SELECT 1")'], ids=["nothing", "a statement"])
def test_an_error_that_the_revision_has_caught_is_named(
    database: Database, any_env: Project, migrate: Migrate, then: str
) -> None:
    """Not the one that the server gives to every statement after it."""
    any_env.revision("r1", CAUGHT.format(then=then))

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    summary = result.finished["summary"]
    assert "no_such_constraint" in summary
    assert "no_such_constraint" in result.finished["error"]["statement"]
    assert "begin_nested()" in summary
    assert "It was rolled back." in summary


def test_an_error_below_sqlalchemy_is_in_the_servers_log(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision(
        "r1",
        """\
        try:
            op.get_bind().connection.cursor().execute("SELECT nothing")
        except Exception:
            pass
        op.execute("SELECT 1")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert "the server's log has its error" in result.finished["summary"]


REPLACES = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql RETURN {}"


def test_two_sessions_replace_the_same_function(
    database: Database, project: Project, migrate: Migrate
) -> None:
    database.query(REPLACES.format(1))
    project.revision("r1", f'op.execute("{REPLACES.format(3)}")')
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(REPLACES.format(2).encode())
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="60s")
        database.wait_until(
            "1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'CREATE OR REPLACE%' AND wait_event_type = 'Lock'"
        )
        other.execute("COMMIT")
        result = running.wait()

    assert 75 == result.exit_code, result.stdout
    assert "Another session changed the same at the same moment." in result.finished["summary"]


def test_a_database_without_advisory_locks(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    with database.server.connect(database.name) as admin:
        admin.execute("ALTER FUNCTION pg_try_advisory_lock(bigint) RENAME TO gone")

    result = migrate.run(DATABASE_URL=database.url)

    assert 77 == result.exit_code, result.stdout
    assert "has no advisory locks" in result.finished["summary"]


def test_a_setting_that_ends_the_session_is_named(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """During a statement: a client that is idle meanwhile may miss the server's last words."""
    project.revision(
        "r1",
        """\
        # In one message: the time runs from the first of them.
        op.execute("SET transaction_timeout = '100ms'; SELECT pg_sleep(3600)")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code, result.stdout
    assert 3 == len(result.of("session_lost"))
    assert "transaction_timeout allows: raise" in result.finished["summary"]
