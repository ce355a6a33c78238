"""Whatever an env.py does with its connection and its transactions."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, env_with, shop_url
from tests.fixtures.faults import recorded
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

OWN_BEGIN = env_with(
    """
    with create_engine(url).begin() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        context.run_migrations()
    """
)


AUTOCOMMIT = env_with(
    """
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)


NO_TRANSACTIONAL_DDL = env_with(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection, transactional_ddl=False)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    """
)


COMMITS_BY_ITSELF = env_with(
    """
    with create_engine(url).connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        connection.commit()
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    """
)


LOCKS_THE_VERSION_TABLE = env_with(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.get_context()._ensure_version_table()
            connection.execute(sqlalchemy.text("LOCK TABLE alembic_version"))
            context.run_migrations()
    """
)


OWN_ADVISORY_LOCK = env_with(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(1)"))
            context.run_migrations()
    """
)


TOKEN = env_with(
    """
    from sqlalchemy import event
    from sqlalchemy.engine import make_url

    real = make_url(url)
    engine = create_engine(real.set(password="expired-token"))

    @event.listens_for(engine, "do_connect")
    def fetch_a_token(dialect, record, arguments, words):
        words["password"] = real.password

    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)


CREATOR = env_with(
    """
    import psycopg

    def connect():
        return psycopg.connect(url.replace("+psycopg", ""))

    with create_engine("postgresql+psycopg://", creator=connect).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)


MAIN = env_with(
    """
    def run():
        with create_engine(url).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()

    if __name__ == "env_py":
        run()
    """
)


ENVS = {
    "own_engine": OWN_ENGINE,
    "own_begin": OWN_BEGIN,
    "autocommit": AUTOCOMMIT,
    "no_transactional_ddl": NO_TRANSACTIONAL_DDL,
    "commits_by_itself": COMMITS_BY_ITSELF,
    "locks_the_version_table": LOCKS_THE_VERSION_TABLE,
    "own_advisory_lock": OWN_ADVISORY_LOCK,
    "token": TOKEN,
    "creator": CREATOR,
    "main": MAIN,
}


@pytest.mark.parametrize("env", ENVS.values(), ids=ENVS)
def test_no_database_has_to_be_named(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.write_env(env)
    project.table("r1", "one")
    project.table("r2", "two")

    first, second = (migrate.run(SHOP_URL=shop_url(database), **POOLED) for _ in range(2))

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1", "r2"] == [each["revision"] for each in first.finished["applied"]]
    assert first.of("run_lock_acquired")
    assert database.name == first.finished["database"]
    assert "up_to_date" == second.finished["outcome"]
    assert not second.of("run_lock_acquired")
    assert ["r1", "r2"] == recorded(database)
    for result in (first, second):
        assert "canary" not in result.stdout + result.stderr
        assert "" == result.stderr


@pytest.mark.parametrize("env", ENVS.values(), ids=ENVS)
def test_what_a_failed_revision_leaves_is_said_as_it_is(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.write_env(env)
    project.table("r1", "one")
    project.revision("r2", 'op.execute("CREATE TABLE two (id bigint)")\nop.execute("SELECT 1/0")')

    result = migrate.run(SHOP_URL=shop_url(database))

    assert 1 == result.exit_code, result.stdout
    kept = database.query("SELECT 1 FROM pg_tables WHERE tablename = 'two'")
    said = "It was rolled back" not in result.finished["summary"]
    assert bool(kept) == said
    versions = database.query("SELECT to_regclass('alembic_version')::text")
    there = database.query("SELECT version_num FROM alembic_version") if versions[0][0] else []
    assert [each["revision"] for each in result.finished["applied"]] == [row[0] for row in there]
