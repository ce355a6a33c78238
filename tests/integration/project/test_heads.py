"""A revision's change of the version table goes with its row in the ledger, in one message.

What Alembic would do stays as it is, whatever a project does with its version table.
"""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import env_with, shop_url
from tests.fixtures.faults import recorded
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

VERSION = "SELECT version_num FROM alembic_version ORDER BY 1"
# In a savepoint with what else is ours.
TOGETHER = 'SAVEPOINT migrate_statement; WITH changed AS (UPDATE "public"."alembic_version"'
OUR_UPDATE = "WITH changed AS (UPDATE"
ALEMBICS_UPDATE = "UPDATE alembic_version"
WAYS = {OUR_UPDATE: "ours", ALEMBICS_UPDATE: "Alembic's"}
DRIVERS = pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])


def _configure(words: str) -> str:
    """Return an env.py with an engine of its own and more words to `context.configure()`."""
    return env_with(
        f"""
        with create_engine(url).connect() as connection:
            context.configure(
                connection=connection, transaction_per_migration=True, {words}
            )
            with context.begin_transaction():
                context.run_migrations()
        """
    )


def _writers(messages: list[Message]) -> list[str]:
    """Return who tried each change of the version table."""
    return [name for each in messages for words, name in WAYS.items() if words in each.statement]


@DRIVERS
def test_it_goes_with_the_ledger(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy, driver: str
) -> None:
    project.write_env(_configure(""))
    project.table("r1", "one")
    project.table("r2", "two")
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    url = database.url_at(proxy.port).replace("postgresql:", f"postgresql+{driver}:")

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    (message,) = [each.statement for each in messages if OUR_UPDATE in each.statement]
    assert message.startswith(TOGETHER)
    assert "INSERT INTO migration_runner.ledger" in message
    assert [("r2",)] == database.query(VERSION)
    assert ["r1", "r2"] == recorded(database)


@pytest.mark.parametrize("name", ["odd%table", 'with "quotes"', "Ünicode"])
@DRIVERS
def test_a_version_table_has_any_name(
    database: Database, project: Project, migrate: Migrate, name: str, driver: str
) -> None:
    project.write_env(_configure(f"version_table={name!r}, version_table_schema='Own%Schema'"))
    database.query('CREATE SCHEMA "Own%Schema"')
    project.table("r1", "one")
    project.table("r2", "two")
    url = database.url.replace("postgresql:", f"postgresql+{driver}:")

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    quoted = name.replace('"', '""')
    assert [("r2",)] == database.query(f'SELECT version_num FROM "Own%Schema"."{quoted}"')
    assert ["r1", "r2"] == recorded(database)


def test_a_merge_of_branches_is_alembics(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """One revision changes two rows."""
    project.table("r1", "one")
    project.revision("a", down="r1")
    project.revision("b", down="r1")
    project.revision("m", down=("a", "b"))
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [("r2",)] == database.query(VERSION)
    assert ["m", "r2"] == recorded(database)[-2:]
    assert 5 == len(recorded(database))


def test_a_downgrade_takes_rows_away(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.revision("r2")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code

    result = migrate.run("downgrade", "base", "--yes", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [] == database.query(VERSION)
    assert ["r1", "r2", "r2", "r1"] == recorded(database)


def test_a_stamp_in_a_revision_is_alembics_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It is made when the revision makes it."""
    project.table("r1", "one")
    project.revision(
        "r2",
        """\
        context = op.get_context()
        context.stamp(context.script, "r1")
        print("then", context.get_current_heads())
        """,
    )
    project.revision("side", down=None)
    project.revision(
        "r3",
        """\
        context = op.get_context()
        context.stamp(context.script, "side")
        print("both", sorted(context.get_current_heads()))
        """,
        down="r2",
    )

    result = migrate.run("upgrade", "r3", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    printed = [event["event"] for event in result.events if event.get("logger") == "print"]
    assert ["then ('r1',)", "both ['r2', 'side']"] == printed
    assert [("r3",), ("side",)] == database.query(VERSION)


@DRIVERS
def test_after_a_commit_of_the_revisions_own(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    """psycopg2 does not notice that its transaction is over."""
    project.write_env(_configure(""))
    project.revision("r1", 'op.execute("CREATE TABLE one (id bigint)")\nop.execute("COMMIT")')
    project.revision("r2", 'op.execute("CREATE TABLE two (id bigint)")\nop.execute("COMMIT")')
    url = database.url.replace("postgresql:", f"postgresql+{driver}:")

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [("r2",)] == database.query(VERSION)
    assert ["r1", "r2"] == recorded(database)
    assert not result.of("ledger_unavailable")


def test_a_callback_of_env_py_comes_before_our_settings(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It runs once a revision, finds the version written, and what the revision has set."""
    callback = """\
def tell(ctx, step, heads, run_args):
    setting = ctx.connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    print(step.up_revision_id, sorted(heads), ctx.get_current_heads(), setting)

"""
    env = _configure("on_version_apply=tell")
    project.write_env(env.replace("with create_engine", callback + "with create_engine"))
    for name in ("r1", "r2"):
        project.revision(name, f"op.execute(\"SET lock_timeout = '{name[1]}1s'\")")

    result = migrate.run(SHOP_URL=shop_url(database))

    assert 0 == result.exit_code, result.stdout + result.stderr
    printed = [event["event"] for event in result.events if event.get("logger") == "print"]
    assert ["r1 ['r1'] ('r1',) 11s", "r2 ['r2'] ('r2',) 21s"] == printed


def test_schemas_that_sqlalchemy_translates(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    """Only SQLAlchemy knows what it makes of a name."""
    env = _configure("")
    translated = (
        ".connect().execution_options(schema_translate_map={None: 'shop'}) as connection:\n"
        "    connection.exec_driver_sql('SET search_path = shop')\n    connection.commit()"
    )
    project.write_env(env.replace(".connect() as connection:", translated))
    database.query("CREATE SCHEMA shop")
    project.table("r1", "one")
    project.table("r2", "two")
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    url = database.url_at(proxy.port).replace("postgresql:", "postgresql+psycopg:")

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [] == [each for each in messages if OUR_UPDATE in each.statement]
    assert [("r2",)] == database.query("SELECT version_num FROM shop.alembic_version")
    assert ["r1", "r2"] == recorded(database)


def test_a_search_path_of_the_revisions_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The row stays in the table that the run has found and locked; Alembic's own goes astray."""
    database.query("CREATE SCHEMA other")
    database.query("CREATE TABLE other.alembic_version (version_num varchar(32))")
    database.query("INSERT INTO other.alembic_version VALUES ('r1')")
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SET LOCAL search_path = other, public")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [("r1",)] == database.query("SELECT version_num FROM other.alembic_version")
    assert [("r2",)] == database.query(VERSION)


@DRIVERS
def test_a_version_that_is_another_one_by_then_fails_as_alembic_has_it(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    project.write_env(_configure(""))
    project.table("r1", "one")
    project.revision(
        "r2",
        'op.execute("CREATE TABLE two (id bigint)")\nop.execute("DELETE FROM alembic_version")',
    )
    url = database.url.replace("postgresql:", f"postgresql+{driver}:")

    result = migrate.run(SHOP_URL=url)

    assert 1 == result.exit_code, result.stdout
    expected = "expected to match one row when updating 'r1' to 'r2'"
    assert expected in result.finished["error"]["message"]
    assert [("r1",)] == database.query(VERSION)
    assert ["r1"] == recorded(database)
    assert [(None,)] == database.query("SELECT to_regclass('two')")


def test_what_the_ledger_refuses_keeps_no_version_back(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    """The message fails, and each of its parts is tried by itself."""
    guest = f"guest_of_{database.name}"
    with database.server.connect(database.name) as admin:
        admin.execute(f"CREATE ROLE {guest}".encode())
        admin.execute(f"GRANT {guest} TO {database.owner} WITH INHERIT FALSE".encode())
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    project.table("r1", "one")
    grant = f"GRANT SELECT, UPDATE ON alembic_version TO {guest}"
    project.revision("r2", f'op.execute("{grant}")\nop.execute("SET LOCAL ROLE {guest}")')
    project.table("r3", "three")

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    try:
        assert 0 == result.exit_code, result.stdout + result.stderr
        assert ["ours", "Alembic's", "ours"] == _writers(messages)
        assert 1 == len(result.of("ledger_unavailable"))
        assert [("r3",)] == database.query(VERSION)
        assert ["r1", "r3"] == recorded(database)
    finally:
        with database.server.connect(database.name) as admin:
            admin.execute(f"DROP OWNED BY {guest}".encode())
            admin.execute(f"DROP ROLE {guest}".encode())


def test_an_index_that_a_connection_of_its_own_leaves_invalid_is_noticed(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Also over a driver's connection, of which nobody else knows."""
    database.query("CREATE TABLE shop (id bigint)")
    database.query("INSERT INTO shop VALUES (1), (1)")
    project.table("r1", "one")
    project.revision(
        "r2",
        """\
        import contextlib, os, psycopg
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
            with contextlib.suppress(psycopg.errors.UniqueViolation):
                other.execute("CREATE UNIQUE INDEX CONCURRENTLY shop_id ON shop (id)")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert ["public.shop_id"] == result.finished["error"]["invalid_indexes"]
    assert [("r1",)] == database.query(VERSION)
    assert ["r1"] == recorded(database)
