"""A session that the server ends with an answer, and not during a statement, is made anew."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

END_ALL = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE datname = %s AND backend_type = 'client backend'"
)


@pytest.mark.parametrize(
    "statement", ["", "CREATE TABLE one", "INSERT INTO one", "INSERT INTO migration"]
)
def test_the_end_comes_with_an_answer(
    database: Database, any_env: Project, migrate: Migrate, proxy: Proxy, statement: str
) -> None:
    """To the login, or to a statement: asyncpg then has an error that is none of the protocol's."""
    any_env.revision(
        "r1",
        """\
        op.execute("CREATE TABLE one (id bigint)")
        op.execute("INSERT INTO one VALUES (1)")
        op.execute("INSERT INTO one VALUES (2)")
        """,
    )
    proxy.upstream_port = database.server.port
    armed = not statement

    def tap(message: Message) -> None:
        nonlocal armed
        armed = armed or statement in message.statement
        if armed and message.sender == "server" and message.kind == b"Z":
            proxy.tap = None
            proxy.hold_ends()
            with database.server.connect() as admin:
                admin.execute(END_ALL, [database.name])

    proxy.tap = tap

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert 0 == result.exit_code, result.stdout
    assert [(1,), (2,)] == database.query("SELECT id FROM one ORDER BY id")
