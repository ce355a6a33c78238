"""The state of a session: what the runner replaces, and what it takes to another connection."""

from __future__ import annotations

import itertools

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def _alter(database: Database, setting: str) -> None:
    with database.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{database.name}" SET {setting}')


def test_a_session_may_be_idle_for_as_long_as_a_revision_computes(
    database: Database, project: Project, migrate: Migrate
) -> None:
    # The runner takes less than that until it has replaced it, also on a busy machine.
    _alter(database, "idle_in_transaction_session_timeout = '30s'")
    project.revision(
        "r1",
        """\
        op.execute("CREATE TABLE one (id bigint)")
        limits = "idle_in_transaction_session_timeout", "idle_session_timeout"
        for limit in limits:
            shown = op.get_bind().exec_driver_sql(f"SHOW {limit}").scalar()
            assert "0" == shown, shown
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    (event,) = result.of("limit_replaced")
    assert ("info", "idle_in_transaction_session_timeout", "30s", "database") == (
        event["level"],
        event["limit"],
        event["value"],
        event["source"],
    )


def test_a_stricter_timeout_is_not_replaced_without_a_word(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _alter(database, "statement_timeout = '90s'")
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    (event,) = result.of("limit_replaced")
    assert "warning" == event["level"]
    assert "To keep it, set MIGRATE_STATEMENT_TIMEOUT=90s." == event["advice"]
    again = migrate.run("upgrade", DATABASE_URL=database.url)
    assert [] == again.of("limit_replaced"), "nothing is applied"


@pytest.mark.parametrize("ours", ["90s", "10s"])
def test_a_timeout_that_is_as_strict_needs_no_word(
    database: Database, project: Project, migrate: Migrate, ours: str
) -> None:
    _alter(database, "statement_timeout = '90s'")
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_STATEMENT_TIMEOUT=ours)

    assert [] == result.of("limit_replaced")


@pytest.mark.parametrize("kind", ["own", "async"])
def test_a_new_connection_has_the_sessions_search_path(
    database: Database, project: Project, migrate: Migrate, kind: str
) -> None:
    """env.py closes its own; what is read after that is read over another one."""
    source = ENV_SOURCES[kind].format(options="transaction_per_migration=True")
    line = next(line for line in source.splitlines() if "context.configure(" in line)
    indent = line[: len(line) - len(line.lstrip())]
    tenant = f'{indent}connection.exec_driver_sql("SET search_path = tenant")\n'
    project.write_env(source.replace(line, f"{tenant}{indent}connection.commit()\n{line}"))
    database.query("CREATE SCHEMA tenant")
    database.query("CREATE TABLE public.alembic_version AS SELECT 'elsewhere' AS version_num")
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert ["r1"] == result.finished["to_revisions"]
    assert [("r1",)] == database.query("SELECT version_num FROM tenant.alembic_version")


def test_a_version_table_that_a_revision_moves_is_read_where_it_is(
    database: Database, project: Project, migrate: Migrate
) -> None:
    source = ENV_SOURCES["own"].format(options="transaction_per_migration=True")
    project.write_env(source)
    _alter(database, "search_path = public, app")
    project.table("r1", "one")
    project.revision(
        "r2",
        'op.execute("CREATE SCHEMA app")\nop.execute("ALTER TABLE alembic_version SET SCHEMA app")',
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert ["r2"] == result.finished["to_revisions"]


def test_an_env_py_that_finds_no_tenant_can_say_so(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(
        'from alembic import context\ncontext.config.attributes["nothing_to_migrate"] = True\n'
    )
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code
    assert "env.py found no database to migrate." == result.finished["summary"]


def test_an_env_py_that_configures_nothing_has_failed(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env("from alembic import context\n")
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert "nothing_to_migrate" in result.finished["summary"]


# What an administrator may have set, for other reasons than migrations.
SETTINGS = (
    "datestyle = 'SQL, DMY'",
    "timezone = 'Asia/Kolkata'",
    "intervalstyle = 'sql_standard'",
    "client_encoding = 'LATIN1'",
    "standard_conforming_strings = off",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_isolation = 'repeatable read'",
    "default_transaction_deferrable = on",
    "search_path = app, pg_catalog",
    "quote_all_identifiers = on",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "transform_null_equals = on",
    "array_nulls = off",
    "row_security = off",
    "lock_timeout = '1s'",
    # More than any command thinks between two statements on a busy machine.
    "idle_session_timeout = '10s'",
    "transaction_timeout = '10s'",
    "jit_above_cost = 0",
    "plan_cache_mode = 'force_generic_plan'",
)


@pytest.mark.parametrize(
    ("setting", "kind"), zip(SETTINGS, itertools.cycle(["offered", "psycopg2", "async"]))
)
def test_every_command_agrees_under_any_setting(
    database: Database, project: Project, migrate: Migrate, setting: str, kind: str
) -> None:
    source = ENV_SOURCES[kind].format(options="transaction_per_migration=True")
    project.write_env(source)
    database.query("CREATE SCHEMA app")
    _alter(database, setting)
    project.table("r1", "one")

    first = migrate.run(DATABASE_URL=database.url)
    again = migrate.run("upgrade", DATABASE_URL=database.url)
    status = migrate.run("status", "--check", DATABASE_URL=database.url)
    ledger = migrate.run("ledger", DATABASE_URL=database.url)
    project.table("r2", "two")
    second = migrate.run(DATABASE_URL=database.url)
    down = migrate.run("downgrade", "-1", "--yes", DATABASE_URL=database.url)

    ends = [each.exit_code for each in (first, again, status, ledger, second, down)]
    assert [0] * 6 == ends, "".join(each.stdout for each in (first, again, second, down))
    outcomes = [each.finished["outcome"] for each in (first, again, second)]
    assert ["applied", "up_to_date", "applied"] == outcomes
    assert "r1" in ledger.stdout
