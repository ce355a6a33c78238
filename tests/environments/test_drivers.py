"""Somebody's project with nothing of ours in it, in the oldest and newest releases of everything.

No DATABASE_URL: where the database is, only its alembic.ini says.
"""

from __future__ import annotations

import re

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.environments import Stack
from tests.fixtures.faults import HISTORY, Gate, lost, recorded, terminate
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def test_a_project_runs_as_it_is(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.table("r1", "one")
    project.revision(
        "r2",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY index_of_one ON one (id)")
        """,
    )

    first, second = (migrate.run() for _ in range(2))

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1", "r2"] == [each["revision"] for each in first.finished["applied"]]
    assert database.name == first.finished["database"]
    assert first.of("run_lock_acquired")
    assert "up_to_date" == second.finished["outcome"]
    assert ["r1", "r2"] == recorded(database)
    assert not re.search("canary", first.stdout + first.stderr + second.stdout)
    assert CANARY not in first.stdout


def test_its_database_is_waited_for(
    own_server: PostgresServer, project: Project, migrate: Migrate, stack: Stack
) -> None:
    own_server.start()
    own_server.stop("fast")
    url = f"postgresql://postgres:superuser-canary@127.0.0.1:{own_server.port}/postgres"
    stack.start(project, url)
    project.table("r1", "one")
    running = migrate.start()
    unavailable = running.wait_for_event("database_unavailable")
    own_server.start()

    result = running.wait()

    assert "connection_refused" == unavailable["reason"]
    assert 0 == result.exit_code, result.stdout + result.stderr
    assert 0 < result.finished["waited_for_database_seconds"]
    assert "superuser-canary" not in result.stdout + result.stderr


def test_a_wrong_password_is_not_tried_again(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    url = f"postgresql://{database.owner}:wrong-canary@127.0.0.1:{database.server.port}/x"
    stack.start(project, url)
    project.table("r1", "one")

    result = migrate.run()

    assert 77 == result.exit_code, result.stdout + result.stderr
    assert "authentication_failed" == result.finished["error"]["reason"]
    assert 1 == len(result.of("database_unavailable"))
    assert "wrong-canary" not in result.stdout + result.stderr


def test_a_lost_session_is_no_loss(
    database: Database, project: Project, migrate: Migrate, gate: Gate, stack: Stack
) -> None:
    stack.start(project, database.url)
    gate.shut(database)
    running = migrate.start(MIGRATE_TRANSACTIONS="revision")
    terminate(database, gate.wait_for_sleeper(database))
    lost(running, committed=["r1"], uncertain=["r2"])

    result = running.wait()

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert HISTORY == recorded(database)


def test_who_is_in_the_way_is_named(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    """The observer finds the server without a DATABASE_URL."""
    stack.start(project, database.url)
    database.query("CREATE TABLE one (id bigint)")
    project.revision("r1", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    with database.connect() as holder, holder.transaction():
        holder.execute("SELECT * FROM one")
        pid = holder.info.backend_pid
        running = migrate.start(MIGRATE_DDL_LOCK_TIMEOUT="1s")
        retried = running.wait_for_event("revision_retried")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [pid] == [blocker["pid"] for blocker in retried["blockers"]]


def test_of_several_at_once_one_applies(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.table("r1", "one")
    project.table("r2", "two")

    results = [running.wait() for running in [migrate.start() for _ in range(4)]]

    assert [0] * 4 == [result.exit_code for result in results], results
    assert 2 == sum(len(result.finished["applied"]) for result in results)
    assert ["r1", "r2"] == recorded(database)
