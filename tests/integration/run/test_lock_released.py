"""A revision that releases the run lock, or ends its transaction by a statement of its own."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

# Not seen in the text of the statement.
HIDDEN = """\
op.execute("CREATE FUNCTION release() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_' "
           "'unlock_all()'")
op.execute("SELECT release()")
"""
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.mark.parametrize(
    "body",
    [
        'op.execute("SELECT pg_advisory_unlock_all()")',
        'op.execute("DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$")',
        HIDDEN.replace("pg_advisory_' \"\n           \"'unlock_all", "pg_advisory_unlock_all"),
    ],
    ids=["unlock_all", "in_a_do_block", "in_a_function"],
)
def test_the_run_lock_is_taken_again(
    database: Database, any_env: Project, migrate: Migrate, body: str
) -> None:
    any_env.revision("r1", body)
    any_env.revision("r2", f'assert 1 == op.get_bind().exec_driver_sql("{HELD}").scalar()')

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    (event,) = result.of("run_lock_released")
    assert ("r1", True) == (event["revision"], event["taken_again"])


def test_it_is_taken_again_before_the_revision_goes_on(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    any_env.revision(
        "r1",
        'op.execute("SELECT pg_advisory_unlock_all()")\n'
        f'assert 1 == op.get_bind().exec_driver_sql("{HELD}").scalar()',
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr


def test_discard_all_releases_it_too(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Not with asyncpg, whose prepared statements are gone then."""
    project.revision(
        "r1", 'with op.get_context().autocommit_block():\n    op.execute("DISCARD ALL")'
    )
    project.revision("r2", f'assert 1 == op.get_bind().exec_driver_sql("{HELD}").scalar()')

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert ["r1"] == [event["revision"] for event in result.of("run_lock_released")]


def test_another_run_was_faster(database: Database, project: Project, migrate: Migrate) -> None:
    """The lock is taken in the very statement that releases it."""
    project.table("r0", "zero")
    project.revision(
        "r1",
        """\
        op.execute("CREATE TABLE one (id bigint)")
        op.execute('''DO $$ BEGIN
            PERFORM pg_advisory_unlock_all();
            INSERT INTO gate VALUES (1);
            WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted) LOOP
                PERFORM pg_sleep(0.02);
            END LOOP;
        END $$''')
        """,
    )
    database.query("CREATE TABLE gate (n int)")
    running = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
    running.wait_for_event("revision_started", revision="r1")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        result = running.wait()

    assert 75 == result.exit_code, result.stdout + result.stderr
    assert "It was rolled back." in result.finished["summary"]
    assert ["r0"] == result.finished["to_revisions"]
    assert [(None,)] == database.query("SELECT to_regclass('one')::text")


COMMITS = {
    "commit": 'op.execute("COMMIT")',
    "script": 'op.get_bind().exec_driver_sql("SELECT 1; COMMIT; BEGIN; SELECT 2")',
    "end": 'op.execute("END")',
    "driver": "op.get_bind().connection.commit()",
    "failed_script": 'op.get_bind().exec_driver_sql("COMMIT; LOCK TABLE busy NOWAIT")',
}


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_what_a_statement_has_committed_is_not_tried_again(
    database: Database, project: Project, migrate: Migrate, commit: str
) -> None:
    project.revision(
        "r1",
        f'op.execute("CREATE TABLE one (id bigint)")\n{commit}\n'
        'op.execute("LOCK TABLE busy NOWAIT")',
    )
    database.query("CREATE TABLE busy (id bigint)")
    with database.connect() as other:
        other.execute("BEGIN; LOCK TABLE busy")

        result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code, result.stdout + result.stderr
    assert [] == result.of("revision_retried")
    assert "Its changes up to its last commit" in result.finished["summary"]
    assert [("one",)] == database.query("SELECT to_regclass('one')::text")


@pytest.mark.parametrize(
    "body",
    ["raise ValueError", 'op.execute("SELECT 1")\nraise ValueError', 'op.execute("SELEKT 1")'],
    ids=["before_any_statement", "after_one", "in_the_first"],
)
def test_a_revision_that_has_committed_nothing_was_rolled_back(
    database: Database, any_env: Project, migrate: Migrate, body: str
) -> None:
    any_env.table("r0", "zero")
    any_env.revision("r1", body)

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout + result.stderr
    assert "It was rolled back." in result.finished["summary"]


def test_a_revision_that_commits_by_a_statement_is_recorded(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    any_env.revision(
        "r1",
        'op.execute("CREATE TABLE one (id bigint)")\nop.execute("COMMIT")\n'
        'op.execute("CREATE TABLE two (id bigint)")',
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [("upgrade", "r1")] == database.query(
        "SELECT direction, revision FROM migration_runner.ledger"
    )
    assert [] == result.of("ledger_unavailable")


ROLLBACKS = {
    "sqlalchemy": "op.get_bind().rollback()",
    "statement": 'op.execute("ROLLBACK")',
    "prepared": "op.get_bind().exec_driver_sql(\"PREPARE TRANSACTION 'x1'\")",
}


@pytest.mark.parametrize("rollback", ROLLBACKS.values(), ids=ROLLBACKS)
def test_a_revision_that_rolls_its_changes_back_is_not_recorded(
    database: Database, any_env: Project, migrate: Migrate, rollback: str
) -> None:
    """Alembic would record it in the next transaction."""
    if "PREPARE" in rollback and not int(database.query("SHOW max_prepared_transactions")[0][0]):
        rollback = ROLLBACKS["statement"]
    any_env.table("r0", "zero")
    any_env.revision("r1", f'op.execute("CREATE TABLE one (id bigint)")\n{rollback}')
    any_env.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout + result.stderr
    assert "rolled its transaction back" in result.finished["summary"]
    assert ["r0"] == result.finished["to_revisions"]
    assert [("r0",)] == database.query("SELECT revision FROM migration_runner.ledger")


def test_a_rollback_of_nothing_is_no_failure(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    any_env.table("r0", "zero")
    any_env.revision(
        "r1",
        """\
        op.execute("SELECT 1")
        try:
            op.execute("SELECT 1 / 0")
        except Exception:
            op.execute("ROLLBACK")
        op.execute("CREATE TABLE one (id bigint)")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr


@pytest.mark.parametrize("commit", ['op.execute("COMMIT")', "op.get_bind().commit()"])
def test_a_session_lost_after_a_commit_of_its_own_is_not_tried_again(
    database: Database, any_env: Project, migrate: Migrate, commit: str
) -> None:
    any_env.table("r0", "zero")
    any_env.revision(
        "r1",
        f'op.execute("INSERT INTO log VALUES (1)")\n{commit}\n'
        'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")',
    )
    database.query("CREATE TABLE log (n int)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code, result.stdout + result.stderr
    assert "had committed a part of its changes" in result.finished["summary"]
    assert [(1,)] == database.query("SELECT n FROM log")
    assert ["r0"] == result.finished["to_revisions"]


@pytest.mark.parametrize("local", ["", "LOCAL "], ids=["session", "transaction"])
def test_a_search_path_that_a_revision_sets_moves_no_version_row(
    database: Database, project: Project, migrate: Migrate, local: str
) -> None:
    project.table("r0", "zero")
    project.revision(
        "r1",
        f"""\
        op.execute("CREATE SCHEMA s")
        op.execute("CREATE TABLE s.alembic_version (version_num varchar(32))")
        op.execute("SET {local}search_path = s, public")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)
    again = migrate.run("upgrade", DATABASE_URL=database.url)

    assert (0, 0) == (result.exit_code, again.exit_code), result.stdout + again.stdout
    assert "up_to_date" == again.finished["outcome"]
    assert [("r1",)] == database.query("SELECT version_num FROM public.alembic_version")
