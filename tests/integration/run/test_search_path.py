"""MIGRATE_SEARCH_PATH: a tenant's schema, however env.py connects."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, own_engine_that_first, shop_url
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

TENANTS = {"acme": "acme", '"Odd Näme, é"': "Odd Näme, é", "acme, public": "acme"}


def _tables(database: Database) -> set[tuple[str, str]]:
    return set(
        database.query(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'migration_runner')"
        )
    )


def _reason(database: Database, migrate: Migrate, **settings: str) -> tuple[int, str]:
    result = migrate.run(DATABASE_URL=database.url, **settings)
    assert set() == _tables(database)
    return result.exit_code, result.finished["error"]["reason"]


@pytest.mark.parametrize("search_path", TENANTS)
def test_every_kind_of_env(
    search_path: str, any_env: Project, database: Database, migrate: Migrate
) -> None:
    schema = TENANTS[search_path]
    database.query(f'CREATE SCHEMA "{schema}"')
    any_env.table("r1", "one")
    migrate.environment |= {"DATABASE_URL": database.url, "MIGRATE_SEARCH_PATH": search_path}

    first, second = (migrate.run(**POOLED) for _ in range(2))

    assert ["applied", "up_to_date"] == [each.finished["outcome"] for each in (first, second)]
    assert {(schema, "alembic_version"), (schema, "one")} == _tables(database)
    assert [(schema, "r1")] == database.query(
        "SELECT version_table_schema, revision FROM migration_runner.ledger"
    )


def test_options_of_the_url_and_of_the_environment_stay(
    database: Database, project: Project, migrate: Migrate
) -> None:
    database.query("CREATE SCHEMA acme")
    project.revision("r1", "op.execute(\"SELECT 1 / (current_setting('a.b') = 'c d')::int\")")
    options = r"-c a.b=c\ d"
    migrate.environment |= {"MIGRATE_SEARCH_PATH": "acme", **POOLED}
    url = f"{database.url}?options=-c%20a.b%3Dc%5C%20d"

    by_environment = migrate.run(DATABASE_URL=database.url, PGOPTIONS=options)
    database.query("DROP SCHEMA acme CASCADE; DROP SCHEMA migration_runner CASCADE")
    database.query("CREATE SCHEMA acme")
    project.write_env(OWN_ENGINE)
    by_url = migrate.run(SHOP_URL=url.replace("postgresql:", "postgresql+psycopg:"))

    assert (0, 0) == (by_environment.exit_code, by_url.exit_code), by_url.stdout


def test_a_schema_that_does_not_exist(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    assert (78, "wrong_schema") == _reason(database, migrate, MIGRATE_SEARCH_PATH="nowhere")
    assert (78, "wrong_schema") == _reason(database, migrate, MIGRATE_SEARCH_PATH="nowhere, public")


@pytest.mark.parametrize("kind", ["sets another", "names another", "creator"])
def test_an_env_that_works_elsewhere(
    kind: str, database: Database, project: Project, migrate: Migrate
) -> None:
    """Otherwise all tenants would be one."""
    database.query("CREATE SCHEMA acme")
    project.table("r1", "one")
    project.write_env(
        {
            "sets another": own_engine_that_first("SET search_path TO public"),
            "names another": ENV_PY.replace(
                "connection=connection", "connection=connection, version_table_schema='public'"
            ),
            "creator": OWN_ENGINE.replace(
                "create_engine(url)",
                "create_engine('postgresql+psycopg://',"
                " creator=lambda: __import__('psycopg').connect(url.replace('+psycopg', '')))",
            ),
        }[kind]
    )

    found = _reason(
        database, migrate, MIGRATE_SEARCH_PATH="acme", SHOP_URL=shop_url(database), **POOLED
    )

    assert (78, "wrong_schema") == found
