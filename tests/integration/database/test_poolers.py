"""Poolers: one that gives no session is refused before anything is set or touched."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.pgbouncer import PgBouncer, PgBouncerFactory
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result

# What sets an application: PgBouncer itself passes some settings on, by their startup names.
STATE = """\
SELECT s.name, s.setting FROM pg_settings s
WHERE s.source = 'session' AND s.name NOT IN ('application_name', 'client_encoding')
UNION ALL SELECT 'role', current_setting('role')
UNION ALL SELECT 'lock', count(*)::text FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid()
ORDER BY 1
"""
# Its own engine, as an application has one, by the variable that the application reads.
OWN_ENGINE = """\
import os

from alembic import context
from sqlalchemy import create_engine

url = os.environ["{variable}"].replace("postgresql://", "postgresql+psycopg://")
engine = create_engine(url{options})
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
TRANSACTION_POOLERS: list[dict[str, int]] = [
    {"default_pool_size": 20},
    {"default_pool_size": 4, "server_round_robin": 1},
    {"default_pool_size": 1},
]
IDS = ["last in, first out", "round robin", "one connection"]


@pytest.fixture(autouse=True)
def _one_revision(project: Project) -> None:
    project.table("r1", "one")


def _warm_up(pooler: PgBouncer, connections: int) -> None:
    """Let the pool have so many server connections, idle."""
    clients = [pooler.connect() for _ in range(connections)]
    for client in clients:
        client.execute("BEGIN")
        client.execute("SELECT 1")
    for client in clients:
        client.execute("COMMIT")
        client.close()


def _states(pooler: PgBouncer, connections: int) -> list[list[tuple[Any, ...]]]:
    """Return what is set on the pool's server connections."""
    clients = [pooler.connect() for _ in range(connections)]
    for client in clients:
        client.execute("BEGIN")
    states = [client.execute(STATE.encode()).fetchall() for client in clients]
    for client in clients:
        client.close()
    return states


def _assert_refused(result: Result, database: Database, pooling: str) -> None:
    assert "Set MIGRATE_DATABASE_URL" in result.finished["summary"]
    _assert_refused_alike(result, database, pooling)


def _assert_refused_alike(result: Result, database: Database, pooling: str) -> None:
    assert 78 == result.exit_code, result.stdout
    assert {"kind": "ConfigError", "reason": "pooler", "pooling": pooling} == result.finished[
        "error"
    ]
    assert "MIGRATE_POOLER=session" in result.finished["summary"]
    assert [] == result.of("revision_started") + result.of("run_lock_acquired")
    assert [(None, None)] == database.query(
        "SELECT to_regclass('alembic_version')::text, to_regclass('migration_runner.ledger')::text"
    )
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize("settings", TRANSACTION_POOLERS, ids=IDS)
def test_a_pooler_of_transactions_is_refused_and_nothing_is_set(
    database: Database, migrate: Migrate, pgbouncer: PgBouncerFactory, settings: dict[str, int]
) -> None:
    pooler = pgbouncer(database, "transaction", **settings)
    connections = min(4, settings["default_pool_size"])
    _warm_up(pooler, connections)
    before = _states(pooler, connections)

    result = migrate.run(DATABASE_URL=pooler.url)

    _assert_refused(result, database, "transactions")
    assert before == _states(pooler, connections)
    assert {("lock", "0"), ("role", "none")} <= set(before[0])


def test_a_pooler_is_refused_by_a_run_at_head_too(
    database: Database, migrate: Migrate, pgbouncer: PgBouncerFactory
) -> None:
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    migrate.run("build")
    pooler = pgbouncer(database, "transaction", default_pool_size=20)
    _warm_up(pooler, 4)

    result = migrate.run(DATABASE_URL=pooler.url)
    waited = migrate.run("wait", DATABASE_URL=pooler.url)

    assert 78 == result.exit_code, result.stdout
    assert "pooler" == result.finished["error"]["reason"]
    assert 0 == waited.exit_code, waited.stdout


@pytest.mark.parametrize("options", ["", ', isolation_level="AUTOCOMMIT"'])
def test_an_engine_of_env_pys_own_through_the_pooler_is_refused(
    database: Database,
    project: Project,
    migrate: Migrate,
    pgbouncer: PgBouncerFactory,
    options: str,
) -> None:
    project.write_env(OWN_ENGINE.format(variable="DATABASE_URL", options=options))

    result = migrate.run(DATABASE_URL=pgbouncer(database, "transaction").url)

    _assert_refused(result, database, "transactions")


@pytest.mark.parametrize("options", ["", ', isolation_level="AUTOCOMMIT"'])
def test_a_pooler_of_statements_is_refused(
    database: Database,
    project: Project,
    migrate: Migrate,
    pgbouncer: PgBouncerFactory,
    options: str,
) -> None:
    """Also where env.py's engine begins no transaction that it could refuse."""
    if options:
        project.write_env(OWN_ENGINE.format(variable="DATABASE_URL", options=options))

    result = migrate.run(DATABASE_URL=pgbouncer(database, "statement").url)

    _assert_refused(result, database, "statements")


@pytest.mark.parametrize("pooling", ["transaction", "statement"])
def test_a_pooler_that_only_env_py_goes_through_is_refused(
    database: Database,
    project: Project,
    migrate: Migrate,
    pgbouncer: PgBouncerFactory,
    pooling: Literal["transaction", "statement"],
) -> None:
    """MIGRATE_DATABASE_URL would change nothing: env.py has its URL from elsewhere."""
    project.write_env(OWN_ENGINE.format(variable="APPLICATION_URL", options=""))
    pooler = pgbouncer(database, pooling)
    for variables in ({}, {"DATABASE_URL": database.url}):
        result = migrate.run(**variables, APPLICATION_URL=pooler.url)

        _assert_refused_alike(result, database, f"{pooling}s")
        summary = result.finished["summary"]
        assert "MIGRATE_DATABASE_URL" not in summary
        place = pooler.url.rpartition("@")[2]
        assert f"env.py connects by itself, to {place}: give it" in summary


def test_a_pooler_of_sessions_is_fine(
    database: Database, migrate: Migrate, pgbouncer: PgBouncerFactory
) -> None:
    result = migrate.run(DATABASE_URL=pgbouncer(database, "session").url)

    assert 0 == result.exit_code, result.stdout
    assert "applied" == result.finished["outcome"]
    assert [("r1",)] == database.query("SELECT version_num FROM alembic_version")


@pytest.mark.parametrize(
    "settings",
    [
        {"default_pool_size": 1},
        {"default_pool_size": 1, "query_wait_timeout": 1},
        {"max_client_conn": 1},
    ],
    ids=["waits", "gives up", "turns away"],
)
def test_a_pooler_without_a_second_session_is_refused_unless_it_is_trusted(
    database: Database, migrate: Migrate, pgbouncer: PgBouncerFactory, settings: dict[str, int]
) -> None:
    pooler = pgbouncer(database, "session", **settings)

    refused = migrate.run(DATABASE_URL=pooler.url, MIGRATE_CONNECT_TIMEOUT="3s")

    _assert_refused(refused, database, "unknown")
    trusted = migrate.run(DATABASE_URL=pooler.url, MIGRATE_POOLER="session")
    assert "applied" == trusted.finished["outcome"]


@pytest.mark.parametrize("env", [ENV_PY, OWN_ENGINE.format(variable="DATABASE_URL", options="")])
def test_the_runners_own_url_goes_round_the_pooler(
    database: Database, project: Project, migrate: Migrate, pgbouncer: PgBouncerFactory, env: str
) -> None:
    """Also for an env.py that reads `DATABASE_URL` by itself."""
    project.write_env(env)
    project.table("r2", "two")
    secret = project.folder / "url"
    secret.write_text(database.url + "\n")
    pooled = pgbouncer(database, "transaction").url

    by_url = migrate.run("upgrade", "r1", DATABASE_URL=pooled, MIGRATE_DATABASE_URL=database.url)
    by_file = migrate.run(DATABASE_URL=pooled, MIGRATE_DATABASE_URL_FILE=str(secret))

    assert [["r1"], ["r2"]] == [
        [each["revision"] for each in result.finished["applied"]] for result in (by_url, by_file)
    ]


def test_the_runners_own_url_wins_over_a_file_for_the_application(
    database: Database, migrate: Migrate
) -> None:
    result = migrate.run(MIGRATE_DATABASE_URL=database.url, DATABASE_URL_FILE="/nowhere/url")

    assert 0 == result.exit_code, result.stdout


def test_the_runners_own_url_is_named_once(database: Database, migrate: Migrate) -> None:
    result = migrate.run(MIGRATE_DATABASE_URL=database.url, MIGRATE_DATABASE_URL_FILE="/nowhere")

    assert 78 == result.exit_code, result.stdout
    (problem,) = result.finished["error"]["problems"]
    assert "MIGRATE_DATABASE_URL and MIGRATE_DATABASE_URL_FILE are both set: unset one" == problem
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize("verb", ["status", "wait", "ledger", "check"])
def test_commands_that_only_look_take_a_pooler_of_transactions_and_set_nothing(
    database: Database, project: Project, migrate: Migrate, pgbouncer: PgBouncerFactory, verb: str
) -> None:
    project.write_env(
        ENV_PY.replace("transaction_per", "target_metadata=MetaData(), transaction_per").replace(
            "from alembic import context",
            "from alembic import context\nfrom sqlalchemy import MetaData",
        )
    )
    migrate.run(DATABASE_URL=database.url)
    database.query("DROP TABLE one")
    pooler = pgbouncer(database, "transaction", default_pool_size=1)
    before = _states(pooler, 1)

    result = migrate.run(verb, DATABASE_URL=pooler.url)

    assert (0, "") == (result.exit_code, result.stderr), result.stdout
    assert before == _states(pooler, 1)


@pytest.mark.parametrize("verb", ["status", "wait", "ledger", "check", "exec"])
def test_no_verb_gets_through_a_pooler_of_statements(
    database: Database, migrate: Migrate, pgbouncer: PgBouncerFactory, verb: str
) -> None:
    """SQLAlchemy begins transactions."""
    arguments = ["--", "true"] if verb == "exec" else []

    result = migrate.run(verb, *arguments, DATABASE_URL=pgbouncer(database, "statement").url)

    assert 78 == result.exit_code, result.stdout
    assert "in statement mode" in result.stdout + result.stderr


def test_a_command_is_not_run_behind_a_pooler_of_transactions(
    database: Database, project: Project, migrate: Migrate, pgbouncer: PgBouncerFactory
) -> None:
    result = migrate.run(
        "exec", "--", "touch", "run", DATABASE_URL=pgbouncer(database, "transaction").url
    )

    _assert_refused(result, database, "transactions")
    assert not (project.folder / "run").exists()
