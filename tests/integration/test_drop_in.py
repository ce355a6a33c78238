"""Whatever an env.py does to get its connection: it decides where the work goes."""

from __future__ import annotations

import re
import signal
import textwrap

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.faults import recorded
from tests.fixtures.postgres import free_port
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

ENV = """\
import os
import sqlalchemy
from alembic import context
from sqlalchemy import create_engine

url = os.environ["SHOP_URL"]
{body}
"""


def _env(body: str) -> str:
    return ENV.format(body=textwrap.dedent(body))


def _shop_url(database: Database) -> str:
    return database.url.replace("postgresql://", "postgresql+psycopg://")


OWN_ENGINE = _env(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)
OWN_BEGIN = _env(
    """
    with create_engine(url).begin() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        context.run_migrations()
    """
)
AUTOCOMMIT = _env(
    """
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)
NO_TRANSACTIONAL_DDL = _env(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection, transactional_ddl=False)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    """
)
COMMITS_BY_ITSELF = _env(
    """
    with create_engine(url).connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        connection.commit()
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    """
)
LOCKS_THE_VERSION_TABLE = _env(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.get_context()._ensure_version_table()
            connection.execute(sqlalchemy.text("LOCK TABLE alembic_version"))
            context.run_migrations()
    """
)
OWN_ADVISORY_LOCK = _env(
    """
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(1)"))
            context.run_migrations()
    """
)
TOKEN = _env(
    """
    from sqlalchemy import event
    from sqlalchemy.engine import make_url

    real = make_url(url)
    engine = create_engine(real.set(password="expired-token"))

    @event.listens_for(engine, "do_connect")
    def fetch_a_token(dialect, record, arguments, words):
        words["password"] = real.password

    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)
CREATOR = _env(
    """
    import psycopg

    def connect():
        return psycopg.connect(url.replace("+psycopg", ""))

    with create_engine("postgresql+psycopg://", creator=connect).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    """
)
MAIN = _env(
    """
    def run():
        with create_engine(url).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()

    if __name__ == "env_py":
        run()
    """
)
# The pool that an engine has by itself is closed by nobody, in plain Alembic neither.
POOLED = {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}
ENVS = {
    "own_engine": OWN_ENGINE,
    "own_begin": OWN_BEGIN,
    "autocommit": AUTOCOMMIT,
    "no_transactional_ddl": NO_TRANSACTIONAL_DDL,
    "commits_by_itself": COMMITS_BY_ITSELF,
    "locks_the_version_table": LOCKS_THE_VERSION_TABLE,
    "own_advisory_lock": OWN_ADVISORY_LOCK,
    "token": TOKEN,
    "creator": CREATOR,
    "main": MAIN,
}


@pytest.mark.parametrize("env", ENVS.values(), ids=ENVS)
def test_no_database_has_to_be_named(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.write_env(env)
    project.table("r1", "one")
    project.table("r2", "two")

    first, second = (migrate.run(SHOP_URL=_shop_url(database), **POOLED) for _ in range(2))

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1", "r2"] == [each["revision"] for each in first.finished["applied"]]
    assert first.of("run_lock_acquired")
    assert database.name == first.finished["database"]
    assert "up_to_date" == second.finished["outcome"]
    assert not second.of("run_lock_acquired")
    assert ["r1", "r2"] == recorded(database)
    for result in (first, second):
        assert "canary" not in result.stdout + result.stderr
        assert "" == result.stderr


@pytest.mark.parametrize("env", ENVS.values(), ids=ENVS)
def test_what_a_failed_revision_leaves_is_said_as_it_is(
    database: Database, project: Project, migrate: Migrate, env: str
) -> None:
    project.write_env(env)
    project.table("r1", "one")
    project.revision("r2", 'op.execute("CREATE TABLE two (id bigint)")\nop.execute("SELECT 1/0")')

    result = migrate.run(SHOP_URL=_shop_url(database))

    assert 1 == result.exit_code, result.stdout
    kept = database.query("SELECT 1 FROM pg_tables WHERE tablename = 'two'")
    said = "Nothing of it was kept" not in result.finished["summary"]
    assert bool(kept) == said
    versions = database.query("SELECT to_regclass('alembic_version')::text")
    there = database.query("SELECT version_num FROM alembic_version") if versions[0][0] else []
    assert [each["revision"] for each in result.finished["applied"]] == [row[0] for row in there]


def test_another_database_that_is_named_is_not_touched(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Nor waited for: nobody asks for it."""
    project.write_env(OWN_ENGINE)
    project.table("r1", "one")
    elsewhere = f"postgresql://127.0.0.1:{free_port()}/elsewhere"

    result = migrate.run(SHOP_URL=_shop_url(database), DATABASE_URL=elsewhere)

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
    assert 0 == migrate.run(SHOP_URL=_shop_url(database)).exit_code
    url = database.url_at(proxy.port)

    result = migrate.run(
        SHOP_URL=url.replace("postgresql:", "postgresql+psycopg:"), DATABASE_URL=url
    )

    assert 0 == result.exit_code, result.stdout
    assert {""} == seen


@pytest.mark.parametrize("verb", ["status --check", "wait", "check", "ledger", "current"])
def test_the_other_verbs_ask_env_py_too(
    database: Database, project: Project, migrate: Migrate, verb: str
) -> None:
    project.write_env(OWN_ENGINE.replace("connection=connection", "connection=connection, target_metadata=sqlalchemy.MetaData()"))  # fmt: skip  # noqa: E501 - one line of env.py
    project.revision("r1")
    assert 0 == migrate.run(SHOP_URL=_shop_url(database)).exit_code

    result = migrate.run(*verb.split(), SHOP_URL=_shop_url(database))

    assert 0 == result.exit_code, result.stdout + result.stderr
    if verb in ("ledger", "current"):
        assert "r1" in result.stdout


def test_waiting_polls_where_env_py_connects(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE)
    project.revision("r1")
    waiting = migrate.start("wait", SHOP_URL=_shop_url(database))
    waiting.wait_for_event("revisions_pending")
    database.wait_until("1 FROM pg_stat_activity WHERE application_name ~ '^migrate '")

    assert 0 == migrate.run(SHOP_URL=_shop_url(database)).exit_code

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
        _env(
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

    result = migrate.run(SHOP_URL=_shop_url(database))

    assert 0 == result.exit_code, result.stdout
    assert ["missing_database"] == [event["reason"] for event in result.of("database_unavailable")]


def test_words_for_env_py(database: Database, project: Project, migrate: Migrate) -> None:
    """`-x`, `-n`, `-c` and `config.cmd_opts`, as Alembic has them."""
    project.write_env(
        "from alembic import context\n"
        "print(context.get_x_argument(as_dictionary=True), context.config.config_ini_section,\n"
        "      context.config.cmd_opts.revision, context.get_tag_argument(),\n"
        "      context.config.cmd_opts.cmd[0].__name__, context.get_revision_argument())\n"
        + OWN_ENGINE
    )
    project.revision("r1")
    ini = project.folder / "alembic.ini"
    other = project.folder / "other.ini"
    other.write_text(ini.read_text().replace("[alembic]", "[shop]"))

    result = migrate.run(
        *("-c", "other.ini", "-n", "shop", "-x", "tenant=a", "upgrade", "r1", "-x", "dry"),
        *("--tag", "blue", "-n", "shop"),
        SHOP_URL=_shop_url(database),
    )

    assert 0 == result.exit_code, result.stdout
    assert "{'tenant': 'a', 'dry': ''} shop r1 blue upgrade r1" in result.names


def test_a_pyproject_is_enough(database: Database, project: Project, migrate: Migrate) -> None:
    (project.folder / "alembic.ini").unlink()
    text = '[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n'
    (project.folder / "pyproject.toml").write_text(text)
    project.write_env(OWN_ENGINE)
    project.revision("r1")

    result = migrate.run(SHOP_URL=_shop_url(database))

    assert 0 == result.exit_code, result.stdout
    assert ["r1"] == recorded(database)


@pytest.mark.parametrize("ways", ["words", "variable"])
def test_several_targets_one_by_one(
    database: Database, project: Project, migrate: Migrate, ways: str
) -> None:
    """Some env.py look at the one target to know what to do."""
    project.write_env(
        "from alembic import context\nprint('target', context.config.cmd_opts.revision)\n"
        + OWN_ENGINE
    )
    project.revision("g1", down=None, header="branch_labels = ('gxy',)")
    project.revision("g2", down="g1")
    project.revision("t1", down=None, header="branch_labels = ('tsi',)")
    project.revision("o1", down=None, header="branch_labels = ('other',)")
    targets = ("gxy@head", "tsi@head")
    words = ("upgrade", *targets) if ways == "words" else ()
    variables = {"SHOP_URL": _shop_url(database)}
    if ways == "variable":
        variables["MIGRATE_TARGET"] = " ".join(targets)

    first, second = (migrate.run(*words, **variables) for _ in range(2))
    status = migrate.run("status", "--check", **{**variables, "MIGRATE_TARGET": " ".join(targets)})

    assert 0 == first.exit_code, first.stdout
    assert [f"target {target}" for target in targets] == [n for n in first.names if "target" in n]
    assert ["g1", "g2", "t1"] == [each["revision"] for each in first.finished["applied"]]
    assert ["g2", "t1"] == first.finished["to_revisions"]
    assert "gxy@head tsi@head" == first.finished["target"]
    assert "up_to_date" == second.finished["outcome"]
    assert 0 == status.exit_code, status.stderr


def test_one_transaction_for_each_revision_can_be_forced(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE)
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT 1/0")')

    as_it_is = migrate.run(SHOP_URL=_shop_url(database))
    forced = migrate.run(SHOP_URL=_shop_url(database), MIGRATE_TRANSACTIONS="revision")

    assert [] == as_it_is.finished["applied"]
    assert ["r1"] == [each["revision"] for each in forced.finished["applied"]]


def test_a_second_connection_of_a_revision(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Over the URL of the first, which the runner has made: the password is in it."""
    project.revision(
        "r1",
        """\
        with sa.create_engine(op.get_bind().engine.url).begin() as second:
            second.execute(sa.text("CREATE TABLE one (id bigint)"))
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout


def test_revisions_that_take_words_of_env_pys(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE.replace("run_migrations()", "run_migrations(tables=['one'])"))
    file = project.revision("r1", "assert tables == ['one']")
    file.write_text(file.read_text().replace("def upgrade():", "def upgrade(tables):"))

    assert 0 == migrate.run(SHOP_URL=_shop_url(database)).exit_code


def test_an_env_with_two_databases(database: Database, project: Project, migrate: Migrate) -> None:
    """Each has a version table and a ledger of its own."""
    other = create_database(database.server)
    try:
        project.write_env(
            _env(
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

        result = migrate.run(SHOP_URL=_shop_url(database), OTHER_URL=_shop_url(other))

        assert 0 == result.exit_code, result.stdout
        assert ["r1"] == recorded(database) == recorded(other)
        assert 2 == len(result.of("run_lock_acquired"))
    finally:
        drop_database(other)


def test_their_logging_does_not_silence_ours(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """`fileConfig` with root at WARNING and a handler of its own; records come in our stream."""
    use_template(project, database, "generic")
    project.revision("r1", 'import logging; logging.getLogger("shop").info("half of it")')

    result = migrate.run()

    assert 0 == result.exit_code, result.stdout
    assert "" == result.stderr
    assert {"run_started", "half of it", "revision_applied", "run_finished"} <= set(result.names)
    assert not re.search("canary", result.stdout)


def test_a_structlog_of_their_own_is_theirs_alone(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """An application that configures it at import, as large ones do."""
    project.write_env(
        "import structlog\n"
        "structlog.configure(processors=[structlog.dev.ConsoleRenderer()])\n"
        "structlog.contextvars.clear_contextvars()\n" + OWN_ENGINE
    )
    project.revision("r1")

    result = migrate.run(SHOP_URL=_shop_url(database), **POOLED)

    assert 0 == result.exit_code, result.stdout
    assert 1 == len({event["run_id"] for event in result.events})
    assert {"revision_applied", "run_finished"} <= set(result.names)


def test_revisions_that_were_written_for_psycopg2(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It leaves the types of values to the server; an env.py takes our connection nevertheless."""
    database.query("CREATE TABLE one (number int)")
    project.revision(
        "r1",
        """\
        one = sa.table("one", sa.column("number"))
        op.execute(one.insert().values(number=sa.literal("1")))
        op.execute(one.update().values(number=sa.literal("2")))
        op.get_bind().execute(sa.text("SELECT 'a' || :suffix").bindparams(suffix=1)).scalar_one()
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [(2,)] == database.query("SELECT number FROM one")


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

    result = migrate.run(SHOP_URL=_shop_url(database), **POOLED)

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
