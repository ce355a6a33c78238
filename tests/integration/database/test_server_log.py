"""The server's log is read by others: none of the runner's own questions is an error there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

# What makes the role's life hard, as the superuser.
NOTHING = ""
NO_LEDGER = "REVOKE CREATE ON DATABASE {database} FROM {owner}"
LEDGER_WITHOUT_RIGHTS = f"""{NO_LEDGER};
CREATE SCHEMA migration_runner; CREATE TABLE migration_runner.ledger (id int)"""
NO_VIEWS = """REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC;
REVOKE SELECT ON pg_catalog.pg_stat_activity FROM PUBLIC"""
COMMANDS: tuple[list[str], ...] = (
    ["status", "--check"],
    ["wait"],
    [],
    ["ledger"],
    [],
    ["status", "--check"],
    ["current"],
    ["exec", "--", "true"],
)


def _as_superuser(database: Database, statements: str) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(statements.format(database=database.name, owner=database.owner).encode())


@pytest.mark.parametrize(
    "rights",
    [
        pytest.param(NOTHING, id="all"),
        pytest.param(NO_LEDGER, id="no-ledger"),
        pytest.param(LEDGER_WITHOUT_RIGHTS, id="ledger-without-rights"),
        pytest.param(NO_VIEWS, id="no-views"),
    ],
)
def test_no_question_of_ours_is_an_error(
    own_server: PostgresServer, project: Project, migrate: Migrate, rights: str
) -> None:
    """On a new database, at head and ahead, and with a role that may do little."""
    own_server.start(log_line_prefix="<%a> ")
    database = create_database(own_server)
    _as_superuser(database, rights)
    project.table("r1", "one")
    project.table("r2", "two")
    later = project.revision("r3")
    project.declare()

    def run(*words: str) -> int:
        variables = {"DATABASE_URL": database.url, "MIGRATE_WAIT_TIMEOUT": "1s"}
        return migrate.run(*words, **variables).exit_code

    codes = [run("build"), *(run(*words) for words in COMMANDS)]
    # Now the database is ahead.
    later.unlink()
    codes += [run("build"), *(run(*words) for words in COMMANDS[:4])]

    lines = Path(own_server.log).read_text().splitlines()
    drop_database(database)
    # Each with the statement, which is in the next line.
    found = [pair for pair in itertools.pairwise(lines) if "ERROR:" in pair[0]]
    assert [] == [pair for pair in found if "<migrate" in pair[0]]
    # Behind, then at head, then ahead, which only the ledger proves.
    ahead = 65 if "REVOKE CREATE" in rights else 0
    assert ([3, 3, 0], [0] * 4, [ahead] * 3) == (codes[1:4], codes[5:9], codes[10:13])
