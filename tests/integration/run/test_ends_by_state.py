"""What ended a run is known from the state, whatever became of the exception."""

from __future__ import annotations

import signal

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import POOLED, own_engine_that_first, shop_url
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

SLEEPS = (
    "1 FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_sleep'"
    " AND state = 'active' AND pid <> pg_backend_pid()"
)
MADE = "SELECT to_regclass('made_after')::text"
# Alembic's `finally` replaces what was raised in it.
IN_AUTOCOMMIT_BLOCK = """\
with op.get_context().autocommit_block():
    op.execute("SELECT pg_sleep(3600)")
    op.execute("CREATE TABLE made_after (id bigint)")
"""
SWALLOWED = """\
try:
    op.execute("SELECT pg_sleep(3600)")
except BaseException:
    pass
with op.get_context().autocommit_block():
    op.execute("CREATE TABLE made_after (id bigint)")
"""
RETURNED_FROM_FINALLY = """\
try:
    op.execute("SELECT pg_sleep(3600)")
finally:
    return
"""
END_ITSELF = """\
if not op.get_bind().exec_driver_sql("SELECT count(*) FROM tries").scalar():
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO tries VALUES (1)")
    {block}
        op.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        op.execute("SELECT 1")
op.execute("CREATE TABLE one (id bigint)")
"""


@pytest.mark.parametrize(
    "body",
    [IN_AUTOCOMMIT_BLOCK, SWALLOWED, RETURNED_FROM_FINALLY],
    ids=["autocommit_block", "swallowed", "returned_from_finally"],
)
def test_a_signal_ends_it(
    database: Database, any_env: Project, migrate: Migrate, body: str
) -> None:
    any_env.table("r0", "zero")
    any_env.revision("r1", body)
    any_env.table("r2", "two")
    running = migrate.start(DATABASE_URL=database.url)
    database.wait_until(SLEEPS)

    running.signal(signal.SIGTERM)
    result = running.wait()

    assert 143 == result.exit_code, result.stdout + result.stderr
    assert "interrupted" == result.finished["outcome"]
    assert [(None,)] == database.query(MADE)
    assert [("r0",)] == database.query("SELECT version_num FROM alembic_version")
    assert ["r0"] == result.finished["to_revisions"]
    # Nor is it taken for anything else in between.
    assert [] == result.of("session_lost") + result.of("revision_failed")


@pytest.mark.parametrize(
    "block",
    ["with op.get_context().autocommit_block():", "if True:"],
    ids=["autocommit_block", "transaction"],
)
def test_a_lost_session_is_replaced(
    database: Database, any_env: Project, migrate: Migrate, block: str
) -> None:
    any_env.revision("r1", END_ITSELF.format(block=block))
    database.query("CREATE TABLE tries (n int)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert 1 == len(result.of("session_lost"))
    assert ["r1"] == result.finished["to_revisions"]


def test_a_lost_session_is_replaced_although_env_py_says_nothing_of_it(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    env = any_env.folder / "migrations" / "env.py"
    call = "with context.begin_transaction():"
    line = next(line for line in env.read_text().splitlines() if call in line)
    indent = line[: len(line) - len(line.lstrip())]
    env.write_text(
        env.read_text().replace(
            f"{line}\n{indent}    context.run_migrations()",
            f"{indent}try:\n{indent}    {call}\n{indent}        context.run_migrations()\n"
            f"{indent}except Exception:\n{indent}    pass",
        )
    )
    any_env.revision("r1", END_ITSELF.format(block="if True:"))
    database.query("CREATE TABLE tries (n int)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert 1 == len(result.of("session_lost"))
    assert ["r1"] == result.finished["to_revisions"]


def test_a_session_is_not_replaced_behind_the_run_lock(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    """SQLAlchemy would connect again, without the lock, for a revision that goes on."""
    any_env.revision(
        "r1",
        """\
        bind = op.get_bind()
        if not bind.exec_driver_sql("SELECT count(*) FROM tries").scalar():
            try:
                with op.get_context().autocommit_block():
                    op.execute("INSERT INTO tries VALUES (1)")
                    op.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            except Exception:
                bind.rollback()
                op.execute("CREATE TABLE made_after (id bigint)")
                bind.commit()
        """,
    )
    database.query("CREATE TABLE tries (n int)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [(None,)] == database.query(MADE)


def test_an_error_of_another_server_is_the_revisions_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """A SQLSTATE of the class 08, as dblink raises it, does not say that the session is lost."""
    project.revision(
        "r1",
        "op.execute(\"DO $$ BEGIN RAISE 'no other server' USING ERRCODE = '08001'; END $$\")",
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code
    assert "Revision r1 failed" in result.finished["summary"]
    assert [] == result.of("session_lost")


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_read_only_server_is_waited_for(
    database: Database, any_env: Project, migrate: Migrate, *, comes_back: bool
) -> None:
    """Over the runner's own connection by libpq, which does not accept such a session."""
    any_env.table("r1", "one")
    own = "attributes" not in (any_env.folder / "migrations" / "env.py").read_text()
    name = database.name
    with database.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    timeout = "60s" if comes_back else "2s"
    running = migrate.start(DATABASE_URL=database.url, MIGRATE_WAIT_TIMEOUT=timeout)
    if comes_back:
        running.wait_for_event("session_lost" if own else "database_unavailable")
        with database.server.connect() as admin:
            admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    result = running.wait()

    assert (0 if comes_back else 69) == result.exit_code, result.stdout + result.stderr
    if not comes_back:
        assert "read-only" in result.finished["summary"]


def test_a_server_that_was_read_only_is_tried_again(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    """It accepts writes by the time it is asked, but the session has begun before."""
    project.write_env(ENV_SOURCES["own"].format(options=""))
    project.table("r1", "one")
    proxy.upstream_port = database.server.port
    admin = database.server.connect()
    admin.execute(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on')

    def tap(message: Message) -> None:
        if "CREATE TABLE" in message.statement:
            admin.execute(f'ALTER DATABASE "{database.name}" RESET default_transaction_read_only')

    proxy.tap = tap

    with admin:
        result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert 0 == result.exit_code, result.stdout
    assert 1 == len(result.of("session_lost"))


def test_a_read_only_server_is_waited_for_before_env_py_has_configured(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(own_engine_that_first("CREATE SCHEMA IF NOT EXISTS app"))
    project.table("r1", "one")
    with database.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on')
        running = migrate.start(SHOP_URL=shop_url(database), **POOLED)
        running.wait_for_event("session_lost")
        admin.execute(f'ALTER DATABASE "{database.name}" RESET default_transaction_read_only')

    result = running.wait()

    assert 0 == result.exit_code, result.stdout


def test_a_revisions_own_read_only_transaction_is_its_failure(
    database: Database, any_env: Project, migrate: Migrate
) -> None:
    any_env.revision(
        "r1",
        'op.execute("SET TRANSACTION READ ONLY")\nop.execute("CREATE TABLE one (id bigint)")',
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert "It was rolled back." in result.finished["summary"]
