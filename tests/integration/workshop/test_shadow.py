"""A server that the user names: only databases of our own are touched there."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from migration_runner.workshop.shadow_databases import shadow_databases as use_shadow_databases
from tests.fixtures.databases import Database
from tests.fixtures.workshop import Workshop, shadow_databases, superuser_url

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"


def test_nothing_of_the_named_database_is_touched(workshop: Workshop, database: Database) -> None:
    workshop.orders()
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (mine int)")
        connection.execute("INSERT INTO orders VALUES (1)")

    exit_code, found = workshop.verify("--all", "--shadow", superuser_url(database))

    assert (0, []) == (exit_code, found["findings"])
    assert "(--shadow)" in found["server"]
    assert [("orders",)] == database.query(TABLES)
    assert [(1,)] == database.query("SELECT mine FROM orders")
    assert [] == shadow_databases(database)


def test_without_the_right_to_create_databases(workshop: Workshop, database: Database) -> None:
    workshop.orders()

    result = workshop.run("verify", "--all", MIGRATE_SHADOW=database.url)

    assert 77 == result.exit_code
    assert "CREATEDB" in result.stderr
    assert database.owner in result.stderr
    assert [] == database.query(TABLES)


def test_a_login_that_the_server_refuses(workshop: Workshop, database: Database) -> None:
    """Another attempt does not help, and the user's name is none of the secrets."""
    name = "nobody_of_that_name"
    host = urlsplit(database.url).netloc.rpartition("@")[2]

    result = workshop.run(
        "verify", "--all", MIGRATE_SHADOW=f"postgresql://{name}:{name}@{host}/postgres"
    )

    assert 77 == result.exit_code
    assert name in result.stderr
    # They are not where this address is from.
    assert "DATABASE_URL" not in result.stderr


def test_a_password_is_hidden(workshop: Workshop) -> None:
    result = workshop.run("config", MIGRATE_SHADOW="postgresql://me:canary-secret@nowhere/x")
    unreachable = workshop.run(
        "verify", "--all", MIGRATE_SHADOW="postgresql://me:canary-secret@127.0.0.1:1/x"
    )
    wrong = workshop.run("verify", "--all", MIGRATE_SHADOW="mysql://me:canary-secret@nowhere/x")

    assert (0, 69, 78) == (result.exit_code, unreachable.exit_code, wrong.exit_code)
    for each in (result, unreachable, wrong):
        assert "canary-secret" not in each.stdout + each.stderr


def test_a_database_is_removed_if_its_creation_is_interrupted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = psycopg.Connection.execute

    def interrupted(connection: psycopg.Connection[Any], query: Any) -> None:
        execute(connection, query)
        raise KeyboardInterrupt

    def create() -> None:
        with use_shadow_databases(superuser_url(database)) as databases, monkeypatch.context() as m:
            m.setattr(psycopg.Connection, "execute", interrupted)
            databases.create("work")

    with pytest.raises(KeyboardInterrupt):
        create()

    assert [] == shadow_databases(database)


@pytest.mark.parametrize(("hours", "left"), [(23, 1), (25, 0)])
def test_what_dead_runs_have_left(
    workshop: Workshop, database: Database, hours: int, left: int
) -> None:
    made = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
    comment = json.dumps({"migrate": "dead", "made": made.isoformat()})
    names = (f"migrate_shadow_dead{hours}_work", f"migrate_shadow_theirs{hours}")
    with database.server.connect() as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"COMMENT ON DATABASE {names[0]} IS '{comment}'")
    workshop.orders()

    exit_code, _ = workshop.verify("--all", "--shadow", superuser_url(database))
    there = shadow_databases(database)
    with database.server.connect() as connection:
        for name in there:
            connection.execute(f"DROP DATABASE {name}")

    # Without our comment, it is somebody's.
    assert (0, sorted(names[1 - left :])) == (exit_code, there)
