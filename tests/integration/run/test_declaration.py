"""A full run checks what the project declares for the fast path against what env.py does."""

from __future__ import annotations

from typing import Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

# Filled in: `before` the connection is used, `options` of it, `between` configure and the work.
ENV: Final = """\
import sqlalchemy
from alembic import context
from sqlalchemy import event, text

{before}
connection = context.config.attributes["connection"]
{within}
context.configure(connection=connection, transaction_per_migration=True{options})
{between}
with context.begin_transaction():
    {inside}
    context.run_migrations()
"""
_PARTS: Final = ("before", "within", "options", "between")
OWN_ENGINE: Final = """\
import os
import sqlalchemy
from alembic import context

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


def _env(**parts: str) -> str:
    return ENV.format(**{**dict.fromkeys(_PARTS, ""), "inside": "pass", **parts})


def _listens(to: str, arguments: str, statement: str) -> str:
    return (
        f"@event.listens_for(sqlalchemy.engine.Engine, {to!r})\n"
        f"def listen({arguments}):\n    {statement}\n"
    )


OTHER_CONNECTION: Final = "env.py uses another connection than config.attributes["
FALSE: Final = {
    "its own engine": (OWN_ENGINE, OTHER_CONNECTION),
    "another table": (
        _env(options=", version_table='versions'"),
        "env.py configures the version table versions",
    ),
    "a schema": (
        _env(options=", version_table_schema='public'"),
        "env.py configures the version table public.alembic_version",
    ),
    "translated schemas": (
        _env(
            within="connection = connection.execution_options("
            "schema_translate_map={None: 'other'})"
        ),
        "schema_translate_map",
    ),
    "a search_path": (
        _env(within="connection.execute(text('SET search_path TO other')); connection.commit()"),
        """the session's search_path from '"$user", public' to 'other'""",
    ),
    "a search_path in a transaction": (
        _env(within="connection.execute(text('SET LOCAL search_path TO other'))"),
        "the session's search_path",
    ),
    "a search_path afterwards": (
        _env(
            between="connection.execute(text('SET search_path TO other')); connection.commit()",
        ),
        "the session's search_path",
    ),
    "a search_path in the transaction of the work": (
        _env(inside="context.execute('SET search_path TO other')"),
        "the session's search_path",
    ),
    "a role": (
        _env(within="connection.execute(text('SET ROLE pg_monitor')); connection.commit()"),
        "the session's role from",
    ),
    "a listener to new connections": (
        _env(
            before=_listens(
                "connect",
                "connection, record",
                "connection.execute('SET search_path TO other'); connection.commit()",
            )
        ),
        "the session's search_path",
    ),
    "a listener to transactions": (
        _env(
            before=_listens(
                "begin", "connection", "connection.exec_driver_sql('SET search_path TO other')"
            )
        ),
        "the session's search_path",
    ),
    "an error that it catches": (
        "try:\n" + "".join(f"    {line}\n" for line in OWN_ENGINE.splitlines())
        + "except Exception:\n    pass\n",
        OTHER_CONNECTION,
    ),
    "an error that it catches later": (
        _env(
            options=", version_table='versions'",
        ).replace("context.configure", "try: context.configure", 1)
        .replace("'versions')", "'versions')\nexcept Exception: pass"),
        "env.py configures the version table versions",
    ),
}  # fmt: skip
TRUE: Final = {
    "the runner's connection": ENV_PY,
    "an engine is expected": _env(within="connection = connection.connect().__enter__()"),
    "another one of its engine": _env(within="other = connection.engine.connect()")
    + "other.close()\n",
    "only another one of its engine": _env(within="connection = connection.engine.connect()")
    + "connection.close()\n",
    "options": _env(within="connection = connection.execution_options(stream_results=False)"),
    "a transaction of its own": _env(within="connection.begin()", between="")
    + "connection.commit()\n",
    "a setting that decides nothing": _env(
        within="connection.execute(text(\"SET lock_timeout = '1s'\")); connection.commit()"
    ),
    "an error that it catches": _env(
        within="try: connection.execute(text('SELECT nothing'))\n"
        "except Exception: connection.rollback()"
    ),
}


@pytest.fixture
def declared(project: Project, database: Database) -> Project:
    """Return a project that declares `alembic_version`, with a revision."""
    database.query("CREATE SCHEMA other")
    with database.server.connect() as admin:
        admin.execute(f"GRANT pg_monitor TO {database.owner}".encode())
    project.declare()
    project.table("r1", "one")
    return project


def _tables(database: Database) -> list[tuple[str]]:
    return database.query(
        "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'other') ORDER BY 1"
    )


@pytest.mark.parametrize("name", FALSE)
def test_a_false_declaration_ends_the_run_before_anything_is_applied(
    name: str, declared: Project, database: Database, migrate: Migrate
) -> None:
    env, difference = FALSE[name]
    declared.write_env(env)

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    summary = result.finished["summary"]
    assert "alembic.ini declares fast_path = alembic_version, but env.py " in summary
    assert difference in summary
    assert "wrong_declaration" == result.finished["error"]["reason"]
    assert [] == _tables(database)


def test_configured_twice(declared: Project, database: Database, migrate: Migrate) -> None:
    """Known only when it happens: what was applied by then stays."""
    declared.write_env(_env() + "context.configure(connection=connection)\n")

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code
    assert "env.py calls context.configure() more than once" in result.finished["summary"]
    assert "This run applied 1 revision; the database is at r1." in result.finished["summary"]


@pytest.mark.parametrize("name", TRUE)
def test_a_true_declaration(
    name: str, declared: Project, database: Database, migrate: Migrate
) -> None:
    declared.write_env(TRUE[name])

    result = migrate.run(DATABASE_URL=database.url)

    assert "applied" == result.finished["outcome"], result.stdout


@pytest.mark.usefixtures("declared")
def test_a_search_path_of_the_role_is_nothing_of_env_pys(
    database: Database, migrate: Migrate
) -> None:
    database.query(f"ALTER ROLE {database.owner} SET search_path = other")

    result = migrate.run(DATABASE_URL=database.url)

    assert "applied" == result.finished["outcome"], result.stdout
    assert [("other",)] == database.query(
        "SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version'"
    )


@pytest.mark.usefixtures("declared")
def test_the_runners_role_is_nothing_of_env_pys(database: Database, migrate: Migrate) -> None:
    database.query("GRANT CREATE ON SCHEMA public TO pg_monitor")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_ROLE="pg_monitor", MIGRATE_LEDGER="off")

    assert "applied" == result.finished["outcome"], result.stdout


@pytest.mark.parametrize("words", [("status",), ("wait",), ("current",), ("downgrade", "base")])
def test_every_command_checks_it(
    words: tuple[str, ...], declared: Project, database: Database, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)
    declared.write_env(_env(options=", version_table='versions'"))

    result = migrate.run(*words, DATABASE_URL=database.url)

    assert 78 == result.exit_code
    assert "env.py configures the version table versions" in result.stdout + result.stderr


def test_with_other_options_nothing_is_declared(
    declared: Project, database: Database, migrate: Migrate
) -> None:
    declared.write_env(
        _env(
            options=", version_table=context.get_x_argument(as_dictionary=True)"
            ".get('table', 'alembic_version')"
        )
    )

    result = migrate.run("-x", "table=versions", "upgrade", "head", DATABASE_URL=database.url)

    assert "applied" == result.finished["outcome"], result.stdout


def test_a_misspelt_declaration(declared: Project, database: Database, migrate: Migrate) -> None:
    ini = declared.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("fast_path", "fast_paht"))

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code
    assert "fast_paht is not an option (did you mean fast_path?)" in result.finished["summary"]
