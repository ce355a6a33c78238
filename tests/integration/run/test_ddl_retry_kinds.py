"""Deadlocks and serialization failures, and every kind of env.py: all are tried again."""

from __future__ import annotations

import importlib.util
import threading

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

LEDGER = "SELECT revision FROM migration_runner.ledger ORDER BY sequence"
WAITS = (
    "1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %' AND wait_event_type = 'Lock' AND query ~ '{}'"
)
# Fails as the server does when a transaction loses a race: twice, then no more.
LOSES_TWICE = """\
CREATE SEQUENCE tries;
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= 2 THEN
        RAISE 'could not serialize access' USING ERRCODE = '40001';
    END IF;
    RETURN NULL;
END $$;
CREATE TABLE race (id bigint)
"""
ENVS = ["ours", "generic psycopg", "generic psycopg2", "async psycopg", "async asyncpg"]


def _use_env(project: Project, database: Database, env: str) -> None:
    """Make it a project with Alembic's own template, its own engine, and this driver."""
    if env == "ours":
        return
    template, driver = env.split()
    if importlib.util.find_spec(driver) is None:
        pytest.skip(f"{driver} is not installed")
    use_template(project, database, template)
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("postgresql+psycopg:", f"postgresql+{driver}:"))


@pytest.mark.parametrize("env", ENVS)
def test_whatever_env_py_does_the_revision_is_tried_again(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    """Also where all revisions are one transaction: those before are rolled back with it."""
    _use_env(project, database, env)
    database.query("CREATE TABLE one (id bigint)")
    project.table("r1", "zero")
    project.revision("r2", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    project.table("r3", "three")
    with database.connect() as holder, holder.transaction():
        holder.execute("SELECT * FROM one")
        pid = holder.info.backend_pid
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1s")
        retried = running.wait_for_event("revision_retried")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout + result.stderr
    assert ("r2", "55P03") == (retried["revision"], retried["sqlstate"])
    assert [pid] == [blocker["pid"] for blocker in retried["blockers"]]
    assert ["r1", "r2", "r3"] == [each["revision"] for each in result.finished["applied"]]
    assert [("r1",), ("r2",), ("r3",)] == database.query(LEDGER)
    assert "revision_failed" not in result.names
    assert "" == result.stderr


@pytest.mark.parametrize("env", ["ours", "generic psycopg"])
def test_whatever_env_py_does_the_tries_come_to_an_end(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    _use_env(project, database, env)
    database.query("CREATE TABLE one (id bigint)")
    project.table("r1", "zero")
    project.revision("r2", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    with database.connect() as holder, holder.transaction():
        holder.execute("SELECT * FROM one")

        result = migrate.run(
            DATABASE_URL=database.url,
            MIGRATE_DDL_LOCK_TIMEOUT="100ms",
            MIGRATE_DDL_RETRY_TIMEOUT="2s",
        )

    assert 75 == result.exit_code, result.stdout
    attempts = [retried["attempt"] for retried in result.of("revision_retried")]
    assert list(range(1, len(attempts) + 1)) == attempts
    assert len(attempts) + 1 == result.finished["error"]["attempts"]


def test_in_one_transaction_with_others_nothing_is_tried_again_behind_a_commit(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Of `r1` something is kept, but not that it was applied."""
    _use_env(project, database, "generic psycopg")
    database.query("CREATE TABLE one (id bigint)")
    project.revision(
        "r1",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE zero (id bigint)")
        """,
    )
    project.revision("r2", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    with database.connect() as holder, holder.transaction():
        holder.execute("SELECT * FROM one")

        result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="100ms")

    assert 75 == result.exit_code, result.stdout
    assert [] == result.of("revision_retried")
    assert "up to its last commit (autocommit_block, or COMMIT)" in result.finished["summary"]


def test_a_deadlock_is_tried_again(database: Database, project: Project, migrate: Migrate) -> None:
    """The runner's server process finds the deadlock, since the other one does not look for it."""
    database.query("CREATE TABLE one (id bigint)")
    database.query("CREATE TABLE two (id bigint)")
    project.revision(
        "r1",
        """\
        op.execute("LOCK TABLE one")
        op.execute("SELECT pg_advisory_xact_lock(99)")
        op.execute("LOCK TABLE two")
        """,
    )
    # In this order: what `other` waits for in its thread waits for the gate.
    with database.server.connect(database.name) as other, database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        pid = other.info.backend_pid
        other.execute("SET deadlock_timeout = '1h'")
        other.execute("BEGIN")
        other.execute("LOCK TABLE two")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1m")
        database.wait_until(WAITS.format("advisory"))
        crossing = threading.Thread(target=other.execute, args=("LOCK TABLE one",), daemon=True)
        crossing.start()
        database.wait_until(f"1 FROM pg_locks WHERE pid = {pid} AND NOT granted")

        gate.execute("SELECT pg_advisory_unlock(99)")

        retried = running.wait_for_event("revision_retried")
        crossing.join(60)
        other.execute("COMMIT")
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert ("deadlock", "40P01") == (retried["reason"], retried["sqlstate"])
    assert [pid] == [blocker["pid"] for blocker in retried["blockers"]]
    assert [("r1",)] == database.query(LEDGER)


def test_a_lost_race_of_transactions_is_tried_again(
    database: Database, project: Project, migrate: Migrate
) -> None:
    database.query("CREATE TABLE one AS SELECT 1 AS id")
    database.query(
        f"ALTER ROLE {database.owner} SET default_transaction_isolation = 'serializable'"
    )
    project.revision(
        "r1",
        """\
        op.execute("SELECT id FROM one")
        op.execute("SELECT pg_advisory_xact_lock(99)")
        op.execute("UPDATE one SET id = id + 1")
        """,
    )
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(99)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="1m")
        database.wait_until(WAITS.format("advisory"))
        database.query("UPDATE one SET id = 10")

    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    (retried,) = result.of("revision_retried")
    assert ("serialization_failure", "40001") == (retried["reason"], retried["sqlstate"])
    assert [(11,)] == database.query("SELECT id FROM one")
    assert [("r1",)] == database.query(LEDGER)


@pytest.mark.parametrize("env", ["ours", "generic psycopg", "async psycopg"])
@pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])
def test_so_is_one_that_fails_in_its_statement_or_in_its_commit(
    database: Database, project: Project, migrate: Migrate, env: str, when: str
) -> None:
    _use_env(project, database, env)
    with database.connect() as connection:
        connection.execute(LOSES_TWICE)
        connection.execute(
            "CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON race DEFERRABLE"
            f" INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION lose()".encode()
        )
    project.table("r1", "zero")
    project.revision("r2", 'op.execute("INSERT INTO race VALUES (1)")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    attempts = [(each["revision"], each["attempt"]) for each in result.of("revision_retried")]
    assert [("r2", 1), ("r2", 2)] == attempts
    assert [(1,)] == database.query("SELECT id FROM race")
    assert [("r1",), ("r2",)] == database.query(LEDGER)
    assert ["r1", "r2"] == [each["revision"] for each in result.finished["applied"]]
    assert not {"revision_failed", "env_failed"} & set(result.names)


def test_a_commit_that_fails_for_good_is_rolled_back_and_says_so(
    database: Database, project: Project, migrate: Migrate
) -> None:
    with database.connect() as connection:
        connection.execute(LOSES_TWICE)
        connection.execute(
            "CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON race DEFERRABLE"
            " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()"
        )
    project.revision("r1", 'op.execute("INSERT INTO race VALUES (1)")')

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_RETRY_TIMEOUT="0")

    assert 75 == result.exit_code, result.stdout
    assert not result.finished["error"]["kept"]
    assert "It was rolled back." in result.finished["summary"]
    with pytest.raises(psycopg.errors.UndefinedTable):
        database.query("SELECT * FROM alembic_version WHERE version_num = 'r1'")
