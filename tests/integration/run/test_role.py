"""MIGRATE_ROLE holds for every connection of a run, and for every command that reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, shop_url
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

READING = ("status --check", "ledger", "wait", "current --check-heads", "heads", "history")


@pytest.fixture
def role(database: Database, migrate: Migrate) -> Iterator[str]:
    """Return a role that owns what is migrated; the login role inherits nothing from it."""
    name = f"{database.name}_role"
    made, login = sql.Identifier(name), sql.Identifier(database.owner)
    own = sql.Identifier(database.name)
    with database.server.connect(database.name) as admin:
        for statement in (
            "CREATE ROLE {made} NOLOGIN",
            "ALTER ROLE {login} NOINHERIT",
            "GRANT {made} TO {login}",
            "ALTER DATABASE {own} OWNER TO {made}",
            "ALTER SCHEMA public OWNER TO {made}",
        ):
            admin.execute(sql.SQL(statement).format(made=made, login=login, own=own))
    migrate.environment |= {"DATABASE_URL": database.url, "MIGRATE_ROLE": name}
    yield name
    with database.server.connect(database.name) as admin:
        for statement in (
            "ALTER DATABASE {own} OWNER TO {login}",
            "DROP OWNED BY {made} CASCADE",
            "DROP ROLE {made}",
        ):
            admin.execute(sql.SQL(statement).format(made=made, login=login, own=own))


@pytest.fixture(params=["offered", "own engine"])
def _env(
    request: pytest.FixtureRequest, database: Database, project: Project, migrate: Migrate
) -> None:
    if request.param == "own engine":
        project.write_env(OWN_ENGINE)
        migrate.environment |= {**POOLED, "SHOP_URL": shop_url(database)}


@pytest.mark.parametrize("schema", ["public", "$user"])
@pytest.mark.usefixtures("_env")
def test_a_login_role_that_inherits_nothing(
    schema: str, role: str, database: Database, project: Project, migrate: Migrate
) -> None:
    """With `"$user"` in the search path, the role also decides where the version table is."""
    if schema == "$user":
        with database.server.connect(database.name) as admin:
            for name in (role, database.owner):
                statement = sql.SQL("CREATE SCHEMA {0} AUTHORIZATION {0}")
                admin.execute(statement.format(sql.Identifier(name)))
    project.table("r1", "one")

    first, second = migrate.run(), migrate.run()
    read = {words: migrate.run(*words.split()) for words in READING}

    assert (0, "applied") == (first.exit_code, first.finished["outcome"]), first.stdout
    assert (0, "up_to_date") == (second.exit_code, second.finished["outcome"]), second.stdout
    assert dict.fromkeys(READING, 0) == {words: each.exit_code for words, each in read.items()}
    assert "r1 (head)" in read["current --check-heads"].stdout
    assert '"revision": "r1"' in read["ledger"].stdout


def test_waiting_for_what_only_the_role_may_read(
    role: str, database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    assert 0 == migrate.run().exit_code
    project.table("r2", "two")
    waiting = migrate.start("wait")
    pending = waiting.wait_for_event("revisions_pending")

    applied = migrate.run()

    assert pending["remaining_seconds"] > 0
    assert 0 == applied.exit_code, applied.stdout
    assert 0 == waiting.wait().exit_code
    (owner,) = database.query("SELECT tableowner FROM pg_tables WHERE tablename = 'two'")
    assert (role,) == owner
