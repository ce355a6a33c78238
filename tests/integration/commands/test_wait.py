"""`migrate wait`: for application pods, while another run migrates. It only looks, and cheaply."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fixtures.databases import Database, create_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate
from tests.fixtures.terminal import run_on_terminal

# There is no version table yet: the poll asks whether it can be read.
POLLED = (
    "1 FROM pg_stat_activity WHERE query LIKE '%has_schema_privilege(%' AND state = 'idle'"
    " AND pid <> pg_backend_pid()"
)
POLL = 'SELECT version_num FROM "public"."alembic_version" ORDER BY 1'


@pytest.fixture(autouse=True)
def _two_revisions(project: Project) -> None:
    project.table("r1", "one")
    project.table("r2", "two")


def test_several_pods_wait_for_one_run(database: Database, migrate: Migrate) -> None:
    waiting = [migrate.start("wait", DATABASE_URL=database.url) for _ in range(4)]
    for each in waiting:
        each.wait_for_event("revisions_pending")

    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    assert [None] * 4 == [each.process.poll() for each in waiting]
    migrate.run(DATABASE_URL=database.url)

    results = [each.wait() for each in waiting]
    assert [0] * 4 == [result.exit_code for result in results], results
    assert ["r2"] == results[0].finished["to_revisions"]


def test_a_target_of_its_own(database: Database, migrate: Migrate) -> None:
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)

    result = migrate.run("wait", DATABASE_URL=database.url, MIGRATE_TARGET="r1")

    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("revisions_pending")


def test_at_the_target_it_ends_at_once(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Nor does it need the lock, which another run may have."""
    migrate.run(DATABASE_URL=database.url)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        variables = {"DATABASE_URL": database.url, "MIGRATE_RUN_LOCK_KEY": "7"}

        result = migrate.run("wait", "--wait-timeout", "0", **variables)
        screen = run_on_terminal(project, migrate, "wait", **variables)

    assert "up_to_date" == result.finished["outcome"]
    assert [] == result.of("run_lock_acquired") + result.of("run_lock_busy")
    assert 0 == screen.exit_code
    assert "Up to date" in screen.text


def test_a_database_that_is_ahead_is_fine(
    database: Database, project: Project, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)
    (project.versions / "r2.py").unlink()

    result = migrate.run("wait", DATABASE_URL=database.url)

    assert (0, "ahead") == (result.exit_code, result.finished["outcome"])


def test_it_notices_a_newer_image_that_overtakes_it(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """What this image does not have is beyond its target all the same."""
    (project.versions / "r2.py").rename(project.folder / "r2.py")
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    waiting.wait_for_event("revisions_pending")
    (project.folder / "r2.py").rename(project.versions / "r2.py")

    migrate.run(DATABASE_URL=database.url)

    result = waiting.wait()
    assert (0, "ahead") == (result.exit_code, result.finished["outcome"])


@pytest.mark.parametrize("at", ["r9", "r1"])
def test_what_will_never_be_is_not_waited_for(
    database: Database, project: Project, migrate: Migrate, at: str
) -> None:
    """Nothing proves that the database contains the image; or it contains another branch."""
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    if at == "r9":
        database.query("UPDATE alembic_version SET version_num = 'r9'")
    else:
        project.revision("other", down="r1")
        (project.versions / "r2.py").rename(project.folder / "r2.py")
        migrate.run(DATABASE_URL=database.url)
        (project.folder / "r2.py").rename(project.versions / "r2.py")
        (project.versions / "other.py").unlink()

    result = migrate.run("wait", DATABASE_URL=database.url)

    assert 65 == result.exit_code, result.stdout
    reason = {"r9": "unknown_revision", "r1": "diverged"}[at]
    assert reason == result.finished["error"]["reason"]


def test_it_says_how_long_it_waited(database: Database, project: Project, migrate: Migrate) -> None:
    result = migrate.run("wait", DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="1s")

    assert 3 == result.exit_code, result.stdout
    assert "PendingRevisions" == result.finished["error"]["kind"]
    said = re.match(
        r"The database did not reach the target within ([\d.]+) s", result.finished["summary"]
    )
    assert said
    # What it needs before it waits is a part of the time, too: more of it on a busy machine.
    assert result.finished["duration_seconds"] >= 1
    assert 0 <= float(said[1]) <= result.finished["duration_seconds"] + 0.05
    assert "MIGRATE_WAIT_TIMEOUT" in result.finished["summary"]
    assert project.folder.exists()


def test_the_database_restarts_while_it_waits(own_server: PostgresServer, migrate: Migrate) -> None:
    own_server.start()
    database = create_database(own_server)
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    # It has a connection, which it is going to lose.
    database.wait_until(POLLED)
    own_server.stop()
    waiting.wait_for_event("database_unavailable")
    own_server.start()

    migrate.run(DATABASE_URL=database.url)

    result = waiting.wait()
    assert 0 == result.exit_code, result.stdout
    assert ["r2"] == result.finished["to_revisions"]


def test_a_database_that_stays_away_is_still_behind(
    own_server: PostgresServer, migrate: Migrate
) -> None:
    own_server.start()
    database = create_database(own_server)
    waiting = migrate.start("wait", DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="8s")
    # It has a connection, which it is going to lose.
    database.wait_until(POLLED)
    own_server.stop()

    result = waiting.wait()

    assert 3 == result.exit_code, result.stdout
    assert "became unavailable" in result.finished["summary"]


def test_a_poll_is_one_query(own_server: PostgresServer, migrate: Migrate) -> None:
    """All that the server sees of the waiting, in its log, is the one query, again and again."""
    own_server.start(log_statement="all", log_line_prefix="<%a> ")
    database = create_database(own_server)
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    run_id = waiting.wait_for_event("revisions_pending")["run_id"]

    def statements() -> list[str]:
        # The last line may not be written to its end.
        lines = Path(own_server.log).read_text().split("\n")[:-1]
        return [
            line.partition("> LOG:  ")[2]
            for line in lines
            if line.startswith(f"<migrate {run_id} ")
        ]

    while statements().count(f"statement: {POLL}") < 5:
        assert waiting.process.poll() is None

    # What it says of the end of a client is no statement.
    seen = statements()
    waiting.kill()
    first = seen.index(f"statement: {POLL}")
    assert {f"statement: {POLL}"} == set(seen[first:])
    assert [] == [line for line in seen if re.search("advisory|set_config|: (SET|CREATE)", line)]


def test_a_role_that_sees_no_schema_waits_for_its_turn(
    database: Database, migrate: Migrate
) -> None:
    """Then there is no schema in which the version table could be."""
    with database.server.connect(database.name) as admin:
        admin.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        admin.execute(f"ALTER DATABASE {database.name} SET search_path = nowhere")

    result = migrate.run("wait", DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="1s")

    assert 3 == result.exit_code, result.stdout


def test_a_version_table_that_it_may_not_read(database: Database, migrate: Migrate) -> None:
    """The migrating role has made it, and nobody has granted anything."""
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    waiting.wait_for_event("revisions_pending")

    with database.server.connect(database.name) as admin:
        admin.execute("CREATE TABLE alembic_version (version_num text)")

    result = waiting.wait()
    assert 77 == result.exit_code, result.stdout
    assert "permission denied for table alembic_version" in result.finished["summary"]


def test_all_of_several_version_tables_are_waited_for(
    database: Database, project: Project, migrate: Migrate
) -> None:
    both = ENV_PY.replace(
        "def run_migrations(connection):\n",
        "def run_migrations(connection):\n    for table in ('first', 'second'):\n"
        "        run_one(connection, table)\n\n\ndef run_one(connection, table):\n",
    ).replace("connection=connection,", "connection=connection, version_table=table,", 1)
    project.write_env(both)
    for name in ("r1", "r2"):
        (project.versions / f"{name}.py").unlink()
    project.revision("s1", down=None)
    database.query("CREATE TABLE first (version_num text); INSERT INTO first VALUES ('s1')")
    waiting = migrate.start("wait", DATABASE_URL=database.url)
    waiting.wait_for_event("revisions_pending")

    database.query("CREATE TABLE second (version_num text); INSERT INTO second VALUES ('s1')")

    assert 0 == waiting.wait().exit_code
