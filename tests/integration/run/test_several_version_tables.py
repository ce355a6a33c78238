"""An env.py that goes from tenant to tenant: each has its version table and part in the report."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

TENANTS = """\
import os
import sqlalchemy
from alembic import context

engine = sqlalchemy.create_engine(os.environ["SHOP_URL"], poolclass=sqlalchemy.pool.NullPool)
with engine.connect() as connection:
    for tenant in ("t1", "t2"):
        connection.execute(sqlalchemy.text(f"SET search_path TO {tenant}"))
        connection.commit()
        connection.dialect.default_schema_name = tenant
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.fixture
def tenants(database: Database, project: Project) -> dict[str, str]:
    """Return the variables of a project with two tenants and two revisions."""
    for tenant in ("t1", "t2"):
        database.query(f"CREATE SCHEMA {tenant}")
    project.write_env(TENANTS)
    project.table("r1", "one")
    project.table("r2", "two")
    return {"SHOP_URL": database.url.replace("postgresql://", "postgresql+psycopg://")}


def _tables(finished: dict[str, object]) -> dict[str, tuple[object, object]]:
    found = finished["version_tables"]
    assert isinstance(found, list)
    return {
        each["version_table"].partition(".")[0]: (each["from_revisions"], each["to_revisions"])
        for each in found
    }


def test_each_has_its_part(migrate: Migrate, tenants: dict[str, str]) -> None:
    result = migrate.run(**tenants)

    assert 0 == result.exit_code, result.stdout
    assert {"t1": ([], ["r2"]), "t2": ([], ["r2"])} == _tables(result.finished)
    applied = [
        (each["revision"], each["version_table"].partition(".")[0])
        for each in result.finished["applied"]
    ]
    assert [("r1", "t1"), ("r2", "t1"), ("r1", "t2"), ("r2", "t2")] == applied
    for name in ("revision_started", "revision_applied"):
        assert ["t1", "t1", "t2", "t2"] == [
            event["version_table"].partition(".")[0] for event in result.of(name)
        ]
    assert ["t1", "t2"] == [
        event["version_table"].partition(".")[0] for event in result.of("run_lock_acquired")
    ]


def test_a_failure_in_one_takes_nothing_from_the_other(
    database: Database, migrate: Migrate, tenants: dict[str, str]
) -> None:
    database.query("CREATE TABLE t2.two (id bigint)")

    result = migrate.run(**tenants)

    assert 1 == result.exit_code, result.stdout
    finished = result.finished
    assert {"t1": ([], ["r2"]), "t2": ([], [])} == _tables(finished)
    assert ["r1", "r2"] == [each["revision"] for each in finished["applied"]]
    assert ["r1", "r2"] == [event["revision"] for event in result.of("revision_applied")]
    assert "It was rolled back." in finished["summary"]
    assert "This run applied 2 revisions" in finished["summary"]


def test_a_downgrade_asks_for_each(
    database: Database, migrate: Migrate, tenants: dict[str, str]
) -> None:
    assert 0 == migrate.run(**tenants).exit_code

    refused = migrate.run("downgrade", "-1", **tenants)
    done = migrate.run("downgrade", "-1", "--yes", **tenants)

    assert 64 == refused.exit_code
    assert "This undoes 1 revision of t1.alembic_version in" in refused.finished["summary"]
    assert {"t1": (["r2"], ["r1"]), "t2": (["r2"], ["r1"])} == _tables(done.finished), done.stdout
    assert database.query("SELECT version_num FROM t1.alembic_version") == [("r1",)]


def test_a_new_tenant_behind_one_that_is_at_head(
    migrate: Migrate, project: Project, tenants: dict[str, str]
) -> None:
    """What is decided for one `context.configure()` does not reach the next."""
    project.write_env(TENANTS.replace('("t1", "t2")', 'os.environ["TENANTS"].split()'))
    assert 0 == migrate.run(**tenants, TENANTS="t1").exit_code

    result = migrate.run(**tenants, TENANTS="t1 t2")

    assert 0 == result.exit_code, result.stdout
    assert {"t1": (["r2"], ["r2"]), "t2": ([], ["r2"])} == _tables(result.finished)


def test_listeners_do_not_outlive_their_configure(
    migrate: Migrate, project: Project, tenants: dict[str, str]
) -> None:
    names = ("before_cursor_execute", "after_cursor_execute", "commit")
    project.revision(
        "r3",
        "dispatch = op.get_bind().dispatch\n"
        f"print('listeners', [len(list(getattr(dispatch, name))) for name in {names}])",
    )

    result = migrate.run(**tenants)

    assert 0 == result.exit_code, result.stdout
    first, second = (name for name in result.names if name.startswith("listeners"))
    assert first == second


def test_a_failure_names_its_tenant(
    database: Database, project: Project, migrate: Migrate, tenants: dict[str, str]
) -> None:
    project.revision("r3", 'op.execute("INSERT INTO only_here VALUES (1)")')
    database.query("CREATE TABLE t1.only_here (n int)")

    result = migrate.run(**tenants)
    text = migrate.run(**tenants, MIGRATE_LOG_FORMAT="console").stdout

    table = f"t2.alembic_version in {database.name}"
    assert f"Revision r3 failed on {table} (" in result.finished["summary"]
    (event,) = result.of("revision_failed")
    assert table == event["version_table"]
    assert f"▸ r3  r3 does its work.  ({table})" in text


def test_the_only_version_table_is_not_named(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    (event,) = result.of("revision_started")
    assert "version_table" not in event
