"""An env.py that connects by itself, elsewhere than the settings say: both databases are named."""

from __future__ import annotations

from typing import Final

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

OWN: Final = {
    kind: source.format(options="transaction_per_migration=True").replace(
        "DATABASE_URL", "APPLICATION_URL"
    )
    for kind, source in ENV_SOURCES.items()
    if kind != "offered"
}
CREATOR: Final = """\
import os

import psycopg
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["APPLICATION_URL"])
)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
SQLITE: Final = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///app.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.parametrize("env", [*OWN.values(), CREATOR], ids=[*OWN, "creator"])
def test_another_database_is_named_once_in_a_run(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")')
    project.write_env(env)
    other = create_database(database.server)
    try:
        result = migrate.run(DATABASE_URL=other.url, APPLICATION_URL=database.url)
    finally:
        drop_database(other)

    assert 75 == result.exit_code, result.stdout
    own = f"127.0.0.1:{database.server.port}/{database.name}"
    configured = f"127.0.0.1:{database.server.port}/{other.name}"
    (warned,) = result.of("database_differs")
    assert ("warning", own, configured, "DATABASE_URL") == (
        warned["level"],
        warned["env"],
        warned["configured"],
        warned["origin"],
    )
    assert f"env.py connects to {own}, and DATABASE_URL names {configured}." in warned["detail"]
    assert "revision_started" in result.names[result.names.index("database_differs") :]
    assert "canary" not in result.stdout


def test_a_server_differs_too(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")
    project.write_env(OWN["own"])
    elsewhere = database.url.replace(f":{database.server.port}/", ":1/")

    result = migrate.run(MIGRATE_DATABASE_URL=elsewhere, APPLICATION_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    (warned,) = result.of("database_differs")
    assert ("MIGRATE_DATABASE_URL", f"127.0.0.1:1/{database.name}") == (
        warned["origin"],
        warned["configured"],
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "db.invalid,localhost", "socket"])
def test_the_same_database_in_other_words_is_none(
    database: Database, project: Project, migrate: Migrate, host: str
) -> None:
    project.table("r1", "one")
    project.write_env(OWN["own"])
    named = {"PGDATABASE": database.name, "PGPORT": str(database.server.port), "PGHOST": host}
    if host == "socket":
        del named["PGHOST"]

    result = migrate.run(**named, APPLICATION_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("database_differs")


def test_another_kind_of_database(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("r1")
    project.write_env(SQLITE)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK="off")

    assert 0 == result.exit_code, result.stdout
    (warned,) = result.of("database_differs")
    assert "sqlite:///app.db" == warned["env"]


@pytest.mark.parametrize("env", [ENV_PY, ENV_SOURCES["own"].format(options="as_sql=False")])
def test_an_env_py_that_takes_the_settings_is_not_warned_of(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.table("r1", "one")
    project.write_env(env)

    result = migrate.run(
        DATABASE_URL="postgresql://pooler.invalid/shop", MIGRATE_DATABASE_URL=database.url
    )

    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("database_differs")


@pytest.mark.parametrize("command", [[], ["status"], ["config"]])
def test_the_placeholder_of_alembic_init(
    database: Database, project: Project, migrate: Migrate, command: list[str]
) -> None:
    project.table("r1", "one")
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text() + "sqlalchemy.url = driver://user:pass@localhost/dbname\n")
    project.write_env(
        "from alembic import context\n"
        "from sqlalchemy import engine_from_config\n"
        "engine_from_config(context.config.get_section('alembic'), prefix='sqlalchemy.')\n"
    )

    result = migrate.run(*command, DATABASE_URL=database.url)

    said = "sqlalchemy.url of alembic.ini, which is still the placeholder of `alembic init`"
    if command == ["config"]:
        assert (0, True) == (result.exit_code, said in result.stdout)
        return
    assert 78 == result.exit_code, result.stdout
    log = result.stderr if command else result.stdout
    assert said in log.splitlines()[-1]
    assert '"reason": "placeholder_url"' in log.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "dialect"), [("", "driver"), ("driver://user:pass@localhost/dbname", "postgrez")]
)
def test_another_unknown_dialect_is_not_the_placeholder(
    database: Database, project: Project, migrate: Migrate, url: str, dialect: str
) -> None:
    project.table("r1", "one")
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text() + f"sqlalchemy.url = {url}\n")
    project.write_env(f"from sqlalchemy import create_engine\ncreate_engine('{dialect}://x')\n")

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    assert "env_failed" == result.finished["error"]["reason"]
