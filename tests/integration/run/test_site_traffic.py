"""The site's queries never wait longer for a revision than the DDL lock timeout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

DDL_LOCK_TIMEOUT = "500ms"
# What the application bears. The server itself ends what waits longer.
PATIENCE = "5s"
TRIES = 4
RUNNER_WAITS = (
    "1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %' AND wait_event_type = 'Lock'"
)


@pytest.fixture
def shop(database: Database, project: Project) -> Database:
    """Return a database with a table `one`, which the project's revision changes."""
    database.query("CREATE TABLE one AS SELECT 1 AS id")
    project.revision("r1", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    return database


@pytest.fixture
def report(shop: Database) -> Iterator[psycopg.Connection[Any]]:
    """Return a session with a transaction that reads, and reads, and does not end."""
    with shop.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM one")
        yield connection


@pytest.fixture
def site(shop: Database) -> Iterator[psycopg.Connection[Any]]:
    """Return the application's session, in autocommit."""
    with shop.connect() as connection:
        connection.execute(f"SET lock_timeout = '{PATIENCE}'".encode())
        yield connection


@pytest.mark.parametrize(
    "query", ["SELECT * FROM one", "UPDATE one SET id = id + 1"], ids=["reads", "writes"]
)
def test_queries_behind_a_revision_come_through_while_it_is_tried_again_and_again(
    shop: Database,
    report: psycopg.Connection[Any],
    site: psycopg.Connection[Any],
    migrate: Migrate,
    query: str,
) -> None:
    running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=DDL_LOCK_TIMEOUT)

    for attempt in range(1, TRIES + 1):
        shop.wait_until(RUNNER_WAITS)
        site.execute(query.encode())
        running.wait_for_event("revision_retried", attempt=attempt)
        # The pause is for them, too.
        site.execute(query.encode())

    report.execute("COMMIT")
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert len(result.of("revision_retried")) >= TRIES


def test_without_a_ddl_lock_timeout_they_would_not(
    shop: Database,
    report: psycopg.Connection[Any],
    site: psycopg.Connection[Any],
    migrate: Migrate,
) -> None:
    """What the other tests show is not so by nature."""
    running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT="0")
    shop.wait_until(RUNNER_WAITS)

    with pytest.raises(psycopg.errors.LockNotAvailable):
        site.execute("SELECT * FROM one")

    report.execute("COMMIT")
    assert 0 == running.wait().exit_code


def test_nor_does_a_validation_keep_them_waiting_when_its_transaction_holds_a_table(
    shop: Database, project: Project, site: psycopg.Connection[Any], migrate: Migrate
) -> None:
    """Nobody queues behind `VALIDATE CONSTRAINT` itself, but behind what came before it."""
    shop.query("CREATE TABLE two (id bigint)")
    shop.query("ALTER TABLE two ADD CONSTRAINT positive CHECK (id > 0) NOT VALID")
    project.revision(
        "r1",
        """\
        op.execute("ALTER TABLE one ADD COLUMN name text")
        op.execute("ALTER TABLE two VALIDATE CONSTRAINT positive")
        """,
        down=None,
    )
    with shop.connect() as vacuum, vacuum.transaction():
        vacuum.execute("LOCK TABLE two IN SHARE UPDATE EXCLUSIVE MODE")
        running = migrate.start(DATABASE_URL=shop.url, MIGRATE_DDL_LOCK_TIMEOUT=DDL_LOCK_TIMEOUT)
        shop.wait_until(RUNNER_WAITS)

        site.execute("SELECT * FROM one")

        running.wait_for_event("revision_retried")

    assert 0 == running.wait().exit_code
