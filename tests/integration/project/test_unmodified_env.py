"""Projects as `alembic init` makes them: an engine of their own, a connection of their own."""

from __future__ import annotations

import io
import re
import signal

import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


@pytest.fixture(params=["generic", "async"])
def unmodified(request: pytest.FixtureRequest, database: Database, project: Project) -> Project:
    """Return a project as Alembic's own template has it, with the database's URL filled in."""
    made = project.folder.parent / "made"
    made.mkdir()
    ini = made / "alembic.ini"
    command.init(Config(str(ini), stdout=io.StringIO()), str(made / "env"), request.param)
    project.write_env((made / "env" / "env.py").read_text())
    url = database.url.replace("postgresql://", "postgresql+psycopg://").replace("%", "%%")
    text = re.sub("(?m)^sqlalchemy.url = .*$", lambda _: f"sqlalchemy.url = {url}", ini.read_text())
    text = re.sub("(?m)^script_location = .*$", "script_location = %(here)s/migrations", text)
    (project.folder / "alembic.ini").write_text(text)
    return project


def test_it_runs_as_it_is(unmodified: Project, database: Database, migrate: Migrate) -> None:
    unmodified.table("r1", "one")

    first, second = (migrate.run(DATABASE_URL=database.url) for _ in range(2))

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert "run_lock_acquired" in first.names
    assert ["r1"] == first.finished["to_revisions"]
    assert "up_to_date" == second.finished["outcome"]
    assert "" == first.stderr


def test_after_a_failure_it_says_where_the_database_is(
    unmodified: Project, database: Database, migrate: Migrate
) -> None:
    """env.py's connection is closed by then."""
    unmodified.table("r1", "one")
    unmodified.table("r2", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    applied = [each["revision"] for each in result.finished["applied"]]
    there = database.query("SELECT to_regclass('alembic_version')::text")
    heads = database.query("SELECT version_num FROM alembic_version") if there[0][0] else []
    assert applied == [version for (version,) in heads] == result.finished["to_revisions"]
    assert f"the database is at {'r1' if applied else 'base'}." in result.finished["summary"]


def test_a_revisions_own_logger_is_heard(
    unmodified: Project, database: Database, migrate: Migrate
) -> None:
    """The template's `fileConfig` disables every logger that is there."""
    unmodified.revision(
        "r1", 'log.info("half of it")', header="import logging\nlog = logging.getLogger(__name__)"
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "half of it" in result.names


def test_a_signal_in_the_middle(unmodified: Project, database: Database, migrate: Migrate) -> None:
    unmodified.revision("r1", 'op.execute("SELECT pg_sleep(3600)")')
    running = migrate.start(DATABASE_URL=database.url)
    running.wait_for_event("revision_started")
    database.wait_until("1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)'")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert 143 == result.exit_code, result.stdout + result.stderr
    assert "interrupted" == result.finished["outcome"]
    assert "" == result.stderr


def test_an_env_that_fails_after_its_commit(
    unmodified: Project, database: Database, migrate: Migrate
) -> None:
    unmodified.table("r1", "one")
    env = unmodified.folder / "migrations" / "env.py"
    env.write_text(env.read_text() + '\nraise RuntimeError("could not notify")\n')

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert ["r1"] == result.finished["to_revisions"]
    assert result.of("revision_applied")


@pytest.mark.parametrize("ends", ["SELECT 1/0", "SELECT pg_sleep(3600)"], ids=["fails", "killed"])
def test_a_revision_that_commits_the_ones_before_it(
    unmodified: Project, database: Database, migrate: Migrate, ends: str
) -> None:
    """One transaction for all, as in Alembic's template: an autocommit_block ends it."""
    unmodified.table("r1", "one")
    unmodified.revision(
        "r2", f"with op.get_context().autocommit_block():\n    pass\nop.execute({ends!r})"
    )
    running = migrate.start(DATABASE_URL=database.url)
    if "sleep" in ends:
        database.wait_until("1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)'")
        running.signal(signal.SIGTERM)

    finished = running.wait().finished

    assert [("r1",)] == database.query("SELECT version_num FROM alembic_version")
    assert ["r1"] == finished["to_revisions"]
    assert ["r1"] == [each["revision"] for each in finished["applied"]]
    assert "This run applied 1 revision; the database is at r1." in finished["summary"]


def _limit_connections(database: Database, limit: int) -> None:
    with database.server.connect() as admin:
        query = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
        admin.execute(query.format(sql.Identifier(database.owner), sql.Literal(limit)))


def test_an_env_that_cannot_connect(
    unmodified: Project, database: Database, migrate: Migrate
) -> None:
    unmodified.table("r1", "one")
    _limit_connections(database, 0)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT="1s")

    assert 69 == result.exit_code, result.stdout
    assert "too_many_connections" == result.finished["error"]["reason"]


def test_one_connection_is_enough(
    unmodified: Project, database: Database, migrate: Migrate
) -> None:
    unmodified.table("r1", "one")
    _limit_connections(database, 1)

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert not result.of("database_unavailable")
