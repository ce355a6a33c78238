"""A row of the ledger proves something for as long as nobody else has written the version table."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.env_kinds import OWN_ENGINE, env_with, shop_url
from tests.fixtures.plain_alembic import alembic
from tests.fixtures.postgres import SUPERUSER
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

LEDGER = "SELECT direction, revision, parents FROM migration_runner.ledger ORDER BY sequence"


def _write(project: Project, **parents: str | None) -> None:
    """Write these revisions, and no others."""
    # A file of the same size, rewritten in the same second, would be taken from there.
    shutil.rmtree(project.versions)
    project.versions.mkdir()
    for name, parent in parents.items():
        project.revision(name, down=parent)


def _outcome(migrate: Migrate, database: Database, *words: str, **variables: str) -> Any:
    result = migrate.run(*words, DATABASE_URL=database.url, **variables)
    assert 0 == result.exit_code, result.stdout
    return result.finished["outcome"]


def _unproved(migrate: Migrate, database: Database) -> str:
    result = migrate.run(DATABASE_URL=database.url)
    assert 65 == result.exit_code, result.stdout
    assert "unknown_revision" == result.finished["error"]["reason"]
    summary: str = result.finished["summary"]
    return summary


def test_a_revision_that_was_applied_again_below_another_one(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    """The ledger has x above r2. Now it is above r1, and r2 is not there."""
    database = any_database
    _write(project, r1=None, r2="r1", x="r2")
    assert "applied" == _outcome(migrate, database)
    alembic(project.folder, "downgrade", "r1", DATABASE_URL=database.url)
    _write(project, r1=None, x="r1")
    alembic(project.folder, "upgrade", "x", DATABASE_URL=database.url)
    _write(project, r1=None, r2="r1")

    summary = _unproved(migrate, database)

    assert "It was changed without the runner after the ledger's record of x" in summary
    assert "migrate stamp x." in summary
    assert 65 == migrate.run("status", "--check", DATABASE_URL=database.url).exit_code
    assert 65 == migrate.run("wait", DATABASE_URL=database.url).exit_code

    # Nor does a run of the newer image make it true.
    _write(project, r1=None, x="r1", y="x")
    assert "applied" == _outcome(migrate, database)
    _write(project, r1=None, r2="r1")
    result = migrate.run(DATABASE_URL=database.url)
    assert (65, "diverged") == (result.exit_code, result.finished["error"]["reason"])


def test_a_row_of_what_was_undone_proves_nothing(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _write(project, r1=None, r2="r1", x="r2")
    assert "applied" == _outcome(migrate, database)
    assert 0 == migrate.run("downgrade", "--yes", "r1", DATABASE_URL=database.url).exit_code
    _write(project, r1=None, x="r1")
    alembic(project.folder, "upgrade", "x", DATABASE_URL=database.url)
    _write(project, r1=None, r2="r1")

    _unproved(migrate, database)


@pytest.mark.parametrize("confirmed", ["stamp", "run"])
def test_the_same_revision_once_more_is_proved_once_it_is_confirmed(
    database: Database, project: Project, migrate: Migrate, confirmed: str
) -> None:
    _write(project, r1=None, r2="r1")
    assert "applied" == _outcome(migrate, database)
    alembic(project.folder, "downgrade", "r1", DATABASE_URL=database.url)
    alembic(project.folder, "upgrade", "r2", DATABASE_URL=database.url)
    _write(project, r1=None)
    _unproved(migrate, database)
    _write(project, r1=None, r2="r1")

    words = ["stamp", "r2"] if confirmed == "stamp" else []
    assert "up_to_date" == _outcome(migrate, database, *words)

    _write(project, r1=None)
    assert "ahead" == _outcome(migrate, database)


def test_what_was_undone_and_is_below_a_moved_revision(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The order was changed, and the last one undone in it: the older image takes it for there."""
    _write(project, r1=None, r2="r1", r3="r2")
    assert "applied" == _outcome(migrate, database)
    _write(project, r1=None, r3="r1", r2="r3", r4="r2")
    assert 0 == migrate.run("stamp", "r2", DATABASE_URL=database.url).exit_code
    assert 0 == migrate.run("downgrade", "--yes", "r3", DATABASE_URL=database.url).exit_code
    _write(project, r1=None, r2="r1", r3="r2")

    result = migrate.run(DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    assert ["r2"] == result.finished["error"]["revisions"]


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("contradicted", [False, True])
def test_a_restored_dump_is_as_good_as_what_it_was_made_of(
    database: Database, project: Project, migrate: Migrate, runs: int, *, contradicted: bool
) -> None:
    """All its rows are written anew, in whatever order."""
    _write(project, r1=None, r2="r1")
    for number in range(runs):
        target = ["upgrade", f"r{number + 1}"] if runs > 1 else []
        assert "applied" == _outcome(migrate, database, *target)
    restored = create_database(database.server)
    try:
        with restored.server.connect(restored.name) as admin:
            admin.execute(f'GRANT "{database.owner}" TO "{restored.owner}"')
        _restore(database, restored)
        _write(project, r1=None)
        assert "ahead" == _outcome(migrate, restored)
        if contradicted:
            _write(project, r1=None, x="r1", r2="x")
        else:
            _write(project, r1=None, r2="r1", r3="r2")

        result = migrate.run(DATABASE_URL=restored.url)

        assert (65 if contradicted else 0) == result.exit_code, result.stdout
    finally:
        drop_database(restored)


def _restore(database: Database, restored: Database) -> None:
    server = database.server
    dump = server.dump(database.name, "--no-owner")
    file = server.folder.with_name(f"{restored.name}.sql")
    file.write_text(f"SET ROLE {restored.owner};\n{dump}")
    file.chmod(0o644)
    place = f"host=127.0.0.1 port={server.port} user={SUPERUSER} dbname={restored.name}"
    server.program("psql", "-qXv", "ON_ERROR_STOP=1", "-d", place, "-f", str(file))


def test_rows_that_were_copied_into_a_table_of_before(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """As by logical replication: rows of two runs have one transaction."""
    for names in ({"r1": None}, {"r1": None, "r2": "r1"}):
        _write(project, **names)
        assert "applied" == _outcome(migrate, database)
    database.query("UPDATE migration_runner.ledger SET file = file")
    database.query("UPDATE alembic_version SET version_num = version_num")
    _write(project, r1=None)

    assert "ahead" == _outcome(migrate, database)


BODIES = {
    "one transaction for all": OWN_ENGINE,
    "no transaction at all": OWN_ENGINE.replace(
        "create_engine(url)", 'create_engine(url, isolation_level="AUTOCOMMIT")'
    ),
    "a callback of its own": OWN_ENGINE.replace(
        "connection=connection", "connection=connection, on_version_apply=lambda **_: None"
    ),
    "asynchronous": env_with(
        """
        import asyncio
        from sqlalchemy.ext.asyncio import create_async_engine

        def run(connection):
            context.configure(connection=connection, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()

        async def main():
            engine = create_async_engine(url.replace("+psycopg", "+asyncpg"))
            async with engine.connect() as connection:
                await connection.run_sync(run)
            await engine.dispose()

        asyncio.run(main())
        """
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_env_py_does_the_ledger_is_not_older_than_the_version_table(
    database: Database, project: Project, migrate: Migrate, name: str
) -> None:
    project.write_env(BODIES[name])
    url = shop_url(database)
    _write(project, r1=None, r2="r1", r3="r2")
    for words in ([], ["downgrade", "--yes", "r2"]):
        done = migrate.run(*words, SHOP_URL=url)
        assert 0 == done.exit_code, done.stdout
    _write(project, r1=None)

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout
    assert "ahead" == result.finished["outcome"]


def test_a_branch_that_plain_alembic_has_undone_can_be_applied_again(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """That only deletes a row of the version table, and leaves the other one as it was."""
    _write(project, r1=None, a1="r1", b1="r1")
    assert "applied" == _outcome(migrate, database, "upgrade", "heads")
    alembic(project.folder, "downgrade", "b1-1", DATABASE_URL=database.url)

    assert "applied" == _outcome(migrate, database, "upgrade", "heads")
