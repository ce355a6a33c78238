"""Whatever an env.py does to get its connection: it decides where the work goes."""

from __future__ import annotations

import signal
import textwrap

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, env_with, shop_url
from tests.fixtures.faults import recorded
from tests.fixtures.postgres import free_port
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template


def test_another_database_that_is_named_is_not_touched(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Nor waited for: nobody asks for it."""
    project.write_env(OWN_ENGINE)
    project.table("r1", "one")
    elsewhere = f"postgresql://127.0.0.1:{free_port()}/elsewhere"

    result = migrate.run(SHOP_URL=shop_url(database), DATABASE_URL=elsewhere)

    assert 0 == result.exit_code, result.stdout
    assert not result.of("database_unavailable")
    assert ["r1"] == recorded(database)


def test_a_run_with_an_engine_of_its_own_has_one_connection(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    proxy.upstream_port = database.server.port
    seen: set[str] = set()
    proxy.tap = lambda message: seen.add(message.application)
    project.write_env(OWN_ENGINE)
    project.revision("r1")
    assert 0 == migrate.run(SHOP_URL=shop_url(database)).exit_code
    url = database.url_at(proxy.port)

    result = migrate.run(
        SHOP_URL=url.replace("postgresql:", "postgresql+psycopg:"), DATABASE_URL=url
    )

    assert 0 == result.exit_code, result.stdout
    assert {""} == seen


@pytest.mark.parametrize("verb", ["status --check", "wait", "check", "ledger", "current"])
def test_the_other_commands_ask_env_py_too(
    database: Database, project: Project, migrate: Migrate, verb: str
) -> None:
    project.write_env(OWN_ENGINE.replace("connection=connection", "connection=connection, target_metadata=sqlalchemy.MetaData()"))  # fmt: skip  # noqa: E501 - one line of env.py
    project.revision("r1")
    assert 0 == migrate.run(SHOP_URL=shop_url(database)).exit_code

    result = migrate.run(*verb.split(), SHOP_URL=shop_url(database))

    assert 0 == result.exit_code, result.stdout + result.stderr
    if verb in ("ledger", "current"):
        assert "r1" in result.stdout


def test_waiting_polls_where_env_py_connects(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE)
    project.revision("r1")
    waiting = migrate.start("wait", SHOP_URL=shop_url(database))
    waiting.wait_for_event("revisions_pending")
    database.wait_until("1 FROM pg_stat_activity WHERE application_name ~ '^migrate '")

    assert 0 == migrate.run(SHOP_URL=shop_url(database)).exit_code

    assert 0 == waiting.wait().exit_code


def test_an_env_that_wants_the_runners_connection_needs_a_database(
    project: Project, migrate: Migrate
) -> None:
    project.write_env("from alembic import context\ncontext.config.attributes['connection']\n")
    project.revision("r1")

    result = migrate.run()

    assert 78 == result.exit_code
    assert "no_database" == result.finished["error"]["reason"]
    assert "set DATABASE_URL" in result.finished["summary"]


def test_an_env_may_make_its_database_when_it_is_missing(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """So it must see its driver's own error."""
    project.write_env(
        env_with(
            """
            from sqlalchemy.engine import make_url
            new = make_url(url).set(database=make_url(url).database + "_new")
            try:
                create_engine(new).connect()
            except sqlalchemy.exc.OperationalError:
                new = make_url(url)
            with create_engine(new).connect() as connection:
                context.configure(connection=connection)
                with context.begin_transaction():
                    context.run_migrations()
            """
        )
    )
    project.revision("r1")

    result = migrate.run(SHOP_URL=shop_url(database))

    assert 0 == result.exit_code, result.stdout
    assert ["missing_database"] == [event["reason"] for event in result.of("database_unavailable")]


def test_an_env_with_two_databases(database: Database, project: Project, migrate: Migrate) -> None:
    """Each has a version table and a ledger of its own."""
    other = create_database(database.server)
    try:
        project.write_env(
            env_with(
                """
                for name in ("SHOP_URL", "OTHER_URL"):
                    with create_engine(os.environ[name]).connect() as connection:
                        context.configure(connection=connection)
                        with context.begin_transaction():
                            context.run_migrations()
                """
            )
        )
        project.table("r1", "one")

        result = migrate.run(SHOP_URL=shop_url(database), OTHER_URL=shop_url(other))

        assert 0 == result.exit_code, result.stdout
        assert ["r1"] == recorded(database) == recorded(other)
        assert 2 == len(result.of("run_lock_acquired"))
    finally:
        drop_database(other)


def test_a_pool_that_keeps_the_session_does_not_keep_the_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It is given back at check-in, and not at the process's end: that is env.py's affair."""
    project.write_env(
        OWN_ENGINE
        + textwrap.dedent(
            """
            with create_engine(url).connect() as other:
                query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                print("sessions", other.execute(sqlalchemy.text(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'migrate %'"
                )).scalar_one(), "locks", other.execute(sqlalchemy.text(query)).scalar_one())
            """
        )
    )
    project.revision("r1")

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 0 == result.exit_code, result.stdout
    assert "sessions 1 locks 0" in result.names


@pytest.mark.parametrize("template", ["generic", "async"])
def test_a_signal_while_an_engine_of_env_pys_own_is_waited_for(
    database: Database, project: Project, migrate: Migrate, template: str
) -> None:
    use_template(project, database, template)
    ini = project.folder / "alembic.ini"
    here, away = f":{database.server.port}/", f":{free_port()}/"
    ini.write_text(ini.read_text().replace(here, away))
    project.revision("r1")
    running = migrate.start()
    running.wait_for_event("database_unavailable")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert 143 == result.exit_code, result.stdout
    assert "interrupted" == result.finished["outcome"]


@pytest.mark.parametrize("times", [1, 2])
def test_an_env_that_expects_an_engine(
    times: int, database: Database, project: Project, migrate: Migrate
) -> None:
    """As pytest-alembic offers one: the connection can be entered in the same way."""
    project.write_env(
        "from alembic import context\n"
        'connectable = context.config.attributes["connection"]\n'
        f"for number in range({times}):\n"
        "    with connectable.connect() as connection:\n"
        "        context.configure(connection=connection, version_table=f'versions_{number}')\n"
        "        with context.begin_transaction():\n"
        "            context.run_migrations()\n"
        "connectable.dispose()\n"
    )
    project.revision("r1", 'op.execute("CREATE TABLE IF NOT EXISTS one (id bigint)")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert times == len(result.of("revision_applied"))
