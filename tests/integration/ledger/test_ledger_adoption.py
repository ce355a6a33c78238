"""A database that plain Alembic has migrated is taken over without ceremony."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

ROWS = "SELECT direction, revision FROM migration_runner.ledger ORDER BY sequence"
LEDGER = "SELECT to_regclass('migration_runner.ledger')::text"


def _alembic(migrate: Migrate, project: Project, database: Database, *words: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "alembic", *words],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def test_at_the_head_everything_is_recorded_once(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("b")
    project.revision("a")
    _alembic(migrate, project, any_database, "upgrade", "head")

    first, second = (
        migrate.run(DATABASE_URL=any_database.url, MIGRATE_BUILD="build-7") for _ in range(2)
    )

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert "up_to_date" == first.finished["outcome"]
    (event,) = first.of("revisions_adopted")
    assert {"count": 2, "heads": ["a"]}.items() <= event.items()
    assert ["run_started", "database_ready", "run_finished"] == second.names
    assert [("adopted", "b"), ("adopted", "a")] == any_database.query(ROWS)
    assert [("a.py", ["b"], "build-7", None)] == any_database.query(
        "SELECT file, parents, build, duration_seconds FROM migration_runner.ledger"
        " WHERE revision = 'a' AND code_sha256 IS NOT NULL"
    )


def test_with_something_pending_what_is_there_comes_first(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for name in ("r1", "r2", "r3"):
        project.revision(name)
    _alembic(migrate, project, database, "upgrade", "r2")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [("adopted", "r1"), ("adopted", "r2"), ("upgrade", "r3")] == database.query(ROWS)
    assert ["r3"] == [each["revision"] for each in result.finished["applied"]]


def test_so_is_what_plain_alembic_does_later(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    project.revision("r2")
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    _alembic(migrate, project, database, "upgrade", "head")
    migrate.run(DATABASE_URL=database.url)
    migrate.run("downgrade", "--yes", "r1", DATABASE_URL=database.url)
    _alembic(migrate, project, database, "upgrade", "head")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    expected = [("upgrade", "r1"), ("adopted", "r2"), ("downgrade", "r2"), ("adopted", "r2")]
    assert expected == database.query(ROWS)


def test_at_the_head_nobody_waits_for_the_lock_to_record_it(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The next run does it."""
    project.revision("r1")
    _alembic(migrate, project, database, "upgrade", "head")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        busy = migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")

        assert 0 == busy.exit_code, busy.stdout
        assert ["run_started", "database_ready", "run_finished"] == busy.names
        assert [(None,)] == database.query(LEDGER)

    assert 0 == migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7").exit_code
    assert [("adopted", "r1")] == database.query(ROWS)


def test_of_many_runs_at_once_one_records_it(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    project.revision("r2")
    _alembic(migrate, project, database, "upgrade", "head")

    runs = [migrate.start(DATABASE_URL=database.url) for _ in range(10)]
    results = [run.wait() for run in runs]

    assert [0] * len(runs) == [result.exit_code for result in results]
    assert [("adopted", "r1"), ("adopted", "r2")] == database.query(ROWS)


INCLUDE_SCHEMAS_ENV = """\
import sqlalchemy as sa
from alembic import context

metadata = sa.MetaData()
sa.Table("one", metadata, sa.Column("id", sa.BigInteger))
sa.Table("two", metadata, sa.Column("id", sa.BigInteger), schema="shop")


def include_name(name, kind, parents):
    return kind != "schema" or name != "hidden"


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_schemas=True,
    transaction_per_migration=True,
    {include_name}
)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.mark.parametrize("theirs", [True, False])
def test_autogenerate_does_not_take_it_for_a_table_to_drop(
    database: Database, project: Project, migrate: Migrate, *, theirs: bool
) -> None:
    """Whether env.py has an `include_name` of its own, which still holds, or not."""
    own = "include_name=include_name," if theirs else ""
    project.write_env(INCLUDE_SCHEMAS_ENV.replace("{include_name}", own))
    project.table("r1", "one")
    project.revision("r2", 'op.execute("CREATE SCHEMA shop; CREATE TABLE shop.two (id bigint)")')
    migrate.run(DATABASE_URL=database.url)
    assert [("migration_runner.ledger",)] == database.query(LEDGER)
    database.query("CREATE SCHEMA hidden; CREATE TABLE hidden.thing ()")

    result = migrate.run("check", DATABASE_URL=database.url)

    if theirs:
        assert 0 == result.exit_code, result.stdout + result.stderr
    else:
        assert 4 == result.exit_code, result.stdout + result.stderr
        assert "hidden" in result.stdout
        assert "ledger" not in result.stdout
