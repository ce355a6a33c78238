"""An env.py that goes from schema to schema over one connection, in old and new releases."""

from __future__ import annotations

from typing import Final

from tests.fixtures.databases import Database
from tests.fixtures.environments import Stack
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

# Before SQLAlchemy 2.0, what is set stays in the driver's transaction.
_ENV: Final = """\
import sqlalchemy
from alembic import context

url = context.config.get_main_option("sqlalchemy.url").replace("+asyncpg:", "+psycopg2:")
with sqlalchemy.create_engine(url).connect() as connection:
    for tenant in ("t1", "t2", "t3"):
        connection.execute(sqlalchemy.text(f"SET search_path TO {tenant}"))
        if hasattr(connection, "commit"):
            connection.commit()
        context.configure(connection=connection, version_table_schema=tenant)
        with context.begin_transaction():
            context.run_migrations()
"""


def test_each_schema_has_its_own(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.write_env(_ENV)
    project.table("r1", "one")
    for tenant in ("t1", "t2", "t3"):
        database.query(f"CREATE SCHEMA {tenant}")

    result = migrate.run()

    assert 0 == result.exit_code, result.stdout + result.stderr
    there = "SELECT schemaname FROM pg_tables WHERE tablename = 'one' ORDER BY 1"
    assert [("t1",), ("t2",), ("t3",)] == database.query(there)
