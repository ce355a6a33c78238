"""MIGRATE_ON_TENANT_FAILURE=continue: one tenant's failure takes nothing from the others."""

from __future__ import annotations

import re
import signal
from typing import Any, Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result

_HEAD: Final = """\
import os
import sqlalchemy
from alembic import context

def tenants():
    return os.environ["TENANTS"].split()

def migrate(connection, tenant):
    connection.execute(sqlalchemy.text(f"SET search_path TO {tenant}"))
    connection.commit()
    context.configure(connection=connection, version_table_schema=tenant, {options})
    with context.begin_transaction():
        context.run_migrations()

def engine():
    return sqlalchemy.create_engine(os.environ["SHOP_URL"], poolclass=sqlalchemy.pool.NullPool)
"""
_ONE: Final = """\
with engine().connect() as connection:
    for tenant in tenants():
        migrate(connection, tenant)
"""
_EACH: Final = """\
for tenant in tenants():
    with engine().connect() as connection:
        migrate(connection, tenant)
"""
_POOLED: Final = """\
pooled = sqlalchemy.create_engine(os.environ["SHOP_URL"])
for tenant in tenants():
    with pooled.connect() as connection:
        migrate(connection, tenant)
"""
_MAPPED: Final = """\
with engine().connect() as plain:
    for tenant in tenants():
        connection = plain.execution_options(schema_translate_map={{None: tenant}})
        migrate(connection, tenant)
"""
_BEGUN: Final = """\
for tenant in tenants():
    with engine().begin() as connection:
        connection.execute(sqlalchemy.text(f"SET search_path TO {{tenant}}"))
        context.configure(connection=connection, version_table_schema=tenant, {options})
        context.run_migrations()
"""
_LATE: Final = """\
with engine().connect() as connection:
    for tenant in tenants():
        connection.execute(sqlalchemy.text(f"SET search_path TO {{tenant}}"))
        context.configure(connection=connection, version_table_schema=tenant, {options})
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
"""
_ALL_IN_ONE: Final = """\
with engine().begin() as connection:
    for tenant in tenants():
        connection.execute(sqlalchemy.text(f"SET search_path TO {{tenant}}"))
        context.configure(connection=connection, version_table_schema=tenant, {options})
        with context.begin_transaction():
            context.run_migrations()
"""
_ASYNC_ONE: Final = """\
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

def migrate_all(connection):
    for tenant in tenants():
        migrate(connection, tenant)

async def main():
    async_engine = create_async_engine(os.environ["SHOP_URL"].replace("+psycopg", "+asyncpg"))
    async with async_engine.connect() as connection:
        await connection.run_sync(migrate_all)
    await async_engine.dispose()

asyncio.run(main())
"""
_ASYNC_EACH: Final = """\
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def main():
    url = os.environ["SHOP_URL"].replace("+psycopg", "+asyncpg")
    for tenant in tenants():
        async_engine = create_async_engine(url)
        async with async_engine.connect() as connection:
            await connection.run_sync(migrate, tenant)
        await async_engine.dispose()

asyncio.run(main())
"""
ENVS: Final = {
    "one connection": _ONE,
    "a connection each": _EACH,
    "a pool": _POOLED,
    "schema_translate_map": _MAPPED,
    "a transaction each": _BEGUN,
    "committed later": _LATE,
    "all in one transaction": _ALL_IN_ONE,
    "async, one connection": _ASYNC_ONE,
    "async, an engine each": _ASYNC_EACH,
}
_TENANTS: Final = ("t1", "t2", "t3", "t4", "t5")


class Tenants:
    """Five tenants' schemas, and an env.py that goes through them."""

    def __init__(self, database: Database, project: Project, migrate: Migrate) -> None:
        self.database = database
        self.project = project
        self.migrate = migrate
        self.variables = {
            "SHOP_URL": database.url.replace("postgresql://", "postgresql+psycopg://"),
            "TENANTS": " ".join(_TENANTS),
            "MIGRATE_ON_TENANT_FAILURE": "continue",
        }
        for tenant in _TENANTS:
            database.query(f"CREATE SCHEMA {tenant}")
        self.write(_ONE)

    def write(self, env: str, options: str = "") -> None:
        """Write env.py, with `options` for `context.configure`."""
        head, options = _HEAD.replace("{tenant}", "{{tenant}}"), options or "compare_type=False"
        self.project.write_env((head + env).format(options=options))

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run to the end."""
        return self.migrate.run(*arguments, **{**self.variables, **variables})

    def versions(self) -> dict[str, str | None]:
        """Return where each tenant is."""
        return {tenant: self._version(tenant) for tenant in _TENANTS}

    def _version(self, tenant: str) -> str | None:
        table = f"{tenant}.alembic_version"
        if self.database.query(f"SELECT to_regclass('{table}')") == [(None,)]:
            return None
        rows = self.database.query(f"SELECT version_num FROM {table}")
        return str(rows[0][0]) if rows else None

    def name(self, tenant: str) -> str:
        """Return the name of a tenant's version table."""
        return f"{tenant}.alembic_version in {self.database.name}"


@pytest.fixture
def tenants(database: Database, project: Project, migrate: Migrate) -> Tenants:
    """Return five tenants, and two revisions."""
    project.table("r1", "one")
    project.table("r2", "two")
    return Tenants(database, project, migrate)


def _failed(result: Result) -> dict[str, Any]:
    return {each["version_table"].partition(".")[0]: each for each in result.of("tenant_failed")}


@pytest.mark.parametrize("options", ["", "transaction_per_migration=True"])
@pytest.mark.parametrize("env", ENVS)
def test_the_others_are_migrated(tenants: Tenants, env: str, options: str) -> None:
    tenants.write(ENVS[env], options)
    for tenant in ("t2", "t5"):
        tenants.database.query(f"CREATE TABLE {tenant}.two (id bigint)")

    result = tenants.run()

    assert 1 == result.exit_code, result.stdout
    # Of a transaction with others, nothing is left.
    single = bool(options) and env not in ("a transaction each", "all in one transaction")
    broken = "r1" if single and env != "committed later" else None
    expected = {"t1": "r2", "t2": broken, "t3": "r2", "t4": "r2", "t5": broken}
    assert expected == tenants.versions()
    assert ["t2", "t5"] == list(_failed(result)), result.stdout
    finished = result.finished
    assert {"total": 5, "applied": 3, "failed": 2} == finished["version_table_counts"]
    assert ("tenants_failed", 2) == (finished["error"]["reason"], finished["error"]["failed"])
    places = {
        each["version_table"].partition(".")[0]: each["to_revisions"]
        for each in finished["version_tables"]
    }
    assert {name: [at] if at else [] for name, at in expected.items()} == places
    applied = [each["version_table"][:2] for each in finished["applied"]]
    kept = 2 if broken else 0
    assert 6 + kept == len(applied), applied

    for tenant in ("t2", "t5"):
        tenants.database.query(f"DROP TABLE {tenant}.two")
    again = tenants.run()

    assert 0 == again.exit_code, again.stdout
    assert dict.fromkeys(_TENANTS, "r2") == tenants.versions()


def test_without_it_the_first_failure_ends_the_run(tenants: Tenants) -> None:
    tenants.database.query("CREATE TABLE t2.two (id bigint)")

    result = tenants.run(MIGRATE_ON_TENANT_FAILURE="stop")

    assert 1 == result.exit_code, result.stdout
    assert ["r2", None, None, None, None] == list(tenants.versions().values())
    finished = result.finished
    assert {"total": 2, "applied": 1, "failed": 1} == finished["version_table_counts"]
    assert tenants.name("t2") == finished["error"]["version_table"]
    assert (
        "of the 2 version tables that env.py has reached, 1 at r2, 1 at base."
        in (finished["summary"])
    )
    assert [] == result.of("tenant_failed")


@pytest.mark.parametrize("env", ["one connection", "all in one transaction"])
def test_all_fail(tenants: Tenants, env: str) -> None:
    tenants.write(ENVS[env])
    tenants.project.revision("r3", 'op.execute("SELECT nothing")')

    result = tenants.run()

    assert 1 == result.exit_code, result.stdout
    assert dict.fromkeys(_TENANTS) == tenants.versions()
    assert list(_TENANTS) == list(_failed(result))
    assert {"total": 5, "failed": 5} == result.finished["version_table_counts"]
    assert "5 of 5 version tables failed: " in result.finished["summary"]
    assert "5 like this one: Revision r3 failed on t1." in result.finished["summary"]
    assert [] == result.finished["applied"]


def test_one_failure_is_reported_as_it_is(tenants: Tenants) -> None:
    tenants.database.query("CREATE TABLE t3.one (id bigint)")

    result = tenants.run()

    finished = result.finished
    assert (1, "RevisionFailed") == (result.exit_code, finished["error"]["kind"])
    assert ("r1", tenants.name("t3")) == (
        finished["error"]["revision"],
        finished["error"]["version_table"],
    )
    (event,) = result.of("revision_failed")
    assert tenants.name("t3") == event["version_table"]
    assert f"Revision r1 failed on {tenants.name('t3')}" in finished["summary"]
    assert "4 at r2, 1 at base." in finished["summary"]


@pytest.mark.parametrize("env", ["one connection", "a connection each", "async, one connection"])
def test_failures_of_several_kinds(tenants: Tenants, env: str) -> None:
    """One is ahead without proof, one contradicts the ledger, one fails, one is not readable."""
    tenants.write(ENVS[env])
    query = tenants.database.query
    assert 0 == tenants.run(TENANTS="t2").exit_code
    query("DROP TABLE t2.alembic_version")
    query("CREATE TABLE t1.alembic_version (version_num text)")
    query("INSERT INTO t1.alembic_version VALUES ('unheard_of')")
    query("CREATE TABLE t4.alembic_version (wrong int)")
    query("CREATE TABLE t5.two (id bigint)")

    result = tenants.run()

    assert 1 == result.exit_code, result.stdout
    assert {
        "t1": ("HistoryError", "unknown_revision"),
        "t2": ("HistoryError", "version_table_missing"),
        "t4": ("RevisionFailed", None),
        "t5": ("RevisionFailed", None),
    } == {name: (each["kind"], each["reason"]) for name, each in _failed(result).items()}
    assert [("r2",)] == query("SELECT version_num FROM t3.alembic_version")
    assert {"total": 5, "applied": 1, "failed": 4} == result.finished["version_table_counts"]


def test_the_exit_code_is_the_worst_ones(tenants: Tenants) -> None:
    query = tenants.database.query
    query("CREATE TABLE t1.alembic_version (version_num text)")
    query("INSERT INTO t1.alembic_version VALUES ('unheard_of')")

    assert 65 == tenants.run().exit_code

    query("CREATE TABLE t2.three (id bigint)")
    tenants.project.table("r3", "three")
    assert 1 == tenants.run().exit_code


def test_a_lock_that_is_held_is_one_tenants(tenants: Tenants) -> None:
    tenants.project.revision("r3", 'op.execute("LOCK TABLE two")')
    assert 0 == tenants.run(MIGRATE_TARGET="r2").exit_code
    with tenants.database.connect() as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t2.two")

        result = tenants.run(MIGRATE_DDL_LOCK_TIMEOUT="100ms", MIGRATE_DDL_RETRY_TIMEOUT="1s")

    assert 75 == result.exit_code, result.stdout
    assert ["r3", "r2", "r3", "r3", "r3"] == list(tenants.versions().values())
    assert ["t2"] == list(_failed(result))
    assert result.of("revision_retried")


def test_a_commit_that_fails_is_one_tenants(tenants: Tenants) -> None:
    """A deferred constraint is checked by the COMMIT, which is env.py's."""
    tenants.project.revision(
        "r3",
        """
        op.execute("CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        op.execute("INSERT INTO late SELECT 1 FROM generate_series(1, (SELECT n FROM rows))")
        """,
    )
    for tenant in _TENANTS:
        rows = 2 if tenant in ("t1", "t4") else 1
        tenants.database.query(f"CREATE TABLE {tenant}.rows AS SELECT {rows} AS n")
    assert 0 == tenants.run(MIGRATE_TARGET="r2").exit_code

    result = tenants.run()

    assert 1 == result.exit_code, result.stdout
    assert ["t1", "t4"] == list(_failed(result))
    assert ["r2", "r3", "r3", "r2", "r3"] == list(tenants.versions().values())


def test_a_revision_that_is_refused_afterwards_is_undone(tenants: Tenants) -> None:
    """It succeeds, and leaves an index invalid over a connection of its own."""
    tenants.project.revision(
        "r3",
        """
        op.execute("CREATE TABLE three (id int)")
        schema = op.get_bind().execute(sa.text("SELECT current_schema()")).scalar()
        with op.get_bind().engine.connect() as own:
            own = own.execution_options(isolation_level="AUTOCOMMIT")
            try:
                own.execute(sa.text(f"CREATE UNIQUE INDEX CONCURRENTLY i ON {schema}.doubles (n)"))
            except sa.exc.IntegrityError:
                pass
        """,
    )
    for tenant in _TENANTS:
        rows = 2 if tenant in ("t2", "t5") else 1
        query = f"CREATE TABLE {tenant}.doubles AS SELECT 1 AS n FROM generate_series(1, {rows})"
        tenants.database.query(query)
    assert 0 == tenants.run(MIGRATE_TARGET="r2").exit_code

    result = tenants.run()

    assert {"t2": "invalid_index", "t5": "invalid_index"} == {
        name: each["reason"] for name, each in _failed(result).items()
    }
    assert ["r3", "r2", "r3", "r3", "r2"] == list(tenants.versions().values())
    left = "SELECT schemaname FROM pg_tables WHERE tablename = 'three' ORDER BY 1"
    assert [("t1",), ("t3",), ("t4",)] == tenants.database.query(left)


def test_what_env_py_does_with_its_own_is_not_a_tenants(tenants: Tenants) -> None:
    tenants.write(_ONE + "        if tenant == 't2': connection.execute(sqlalchemy.text('oops'))\n")

    result = tenants.run()

    assert ["r2", "r2", None, None, None] == list(tenants.versions().values())
    assert {} == _failed(result)
    assert 0 != result.exit_code


def test_a_signal_ends_the_run_and_not_a_tenant(tenants: Tenants) -> None:
    tenants.database.query("CREATE TABLE t1.one (id bigint)")
    tenants.project.revision(
        "r3", "op.execute(\"SELECT pg_sleep(CASE current_schema() WHEN 't3' THEN 600 ELSE 0 END)\")"
    )
    running = tenants.migrate.start(**tenants.variables)
    running.wait_for_event("revision_started", revision="r3", version_table=tenants.name("t3"))

    running.signal(signal.SIGTERM)
    result = running.wait()

    assert 143 == result.exit_code, result.stdout
    finished = result.finished
    assert "interrupted" == finished["outcome"]
    assert f"1 version table had failed: {tenants.name('t1')}." in finished["summary"]
    assert {"total": 3, "applied": 1, "failed": 1, "unfinished": 1} == (
        finished["version_table_counts"]
    )
    assert [None, "r3", None, None, None] == list(tenants.versions().values())


def test_a_tenant_that_is_not_committed_is_not_applied(tenants: Tenants) -> None:
    tenants.write(
        _BEGUN.replace("begin()", "connect()")
        + "        if tenant not in ('t2', 't5'): connection.commit()\n"
    )

    result = tenants.run()

    assert 1 == result.exit_code, result.stdout
    assert {"t2", "t5"} == set(_failed(result))
    assert {"nothing_happened"} == {each["reason"] for each in _failed(result).values()}
    assert ["r2", None, "r2", "r2", None] == list(tenants.versions().values())
    applied = {each["version_table"][:2] for each in result.finished["applied"]}
    assert {"t1", "t3", "t4"} == applied


def test_an_env_py_that_checks_each_tenant_fails_with_it(tenants: Tenants) -> None:
    """It is run again without the failed one; what it raises then is its own."""
    check = "SELECT count(*) FROM two"
    tenants.write(_ONE + f"        connection.execute(sqlalchemy.text('{check}'))\n")
    tenants.database.query("CREATE TABLE t2.one (id bigint)")

    result = tenants.run()

    assert ["t2"] == list(_failed(result))
    assert ["r2", None, None, None, None] == list(tenants.versions().values())
    assert result.exit_code in (1, 78), result.stdout
    assert tenants.name("t2") in result.finished["summary"]


@pytest.mark.parametrize("env", ["one connection", "a pool", "async, one connection"])
def test_nothing_is_kept_of_a_tenant_that_is_done(tenants: Tenants, env: str) -> None:
    """Neither listeners on the connection and its pool, nor locks on the session."""
    tenants.write(
        ENVS[env].replace(
            "migrate(connection, tenant)",
            "migrate(connection, tenant)\n"
            + " " * 8
            + "print('kept', len(list(connection.engine.pool.dispatch.checkin)),"
            " [len(list(getattr(connection.dispatch, name))) for name in"
            " ('before_cursor_execute', 'after_cursor_execute', 'commit', 'rollback')])",
        )
    )
    tenants.project.revision(
        "r3",
        'locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"\n'
        "locks += \" AND locktype = 'advisory'\"\n"
        "print('locks', op.get_bind().execute(sa.text(locks)).scalar())",
    )

    result = tenants.run()

    assert 0 == result.exit_code, result.stdout
    kept = [name for name in result.names if name.startswith("kept")]
    assert 5 == len(kept)
    assert 1 == len(set(kept)), kept
    locks = [name for name in result.names if name.startswith("locks")]
    assert ["locks 1"] * 5 == locks


def test_many_at_head_are_counted(tenants: Tenants) -> None:
    names = [f"s{number}" for number in range(30)]
    for name in names:
        tenants.database.query(f"CREATE SCHEMA {name}")
    tenants.database.query("CREATE TABLE s7.one (id bigint)")

    first = tenants.run(TENANTS=" ".join(names))
    again = tenants.run(TENANTS=" ".join(names[:7] + names[8:]))

    assert {"total": 30, "applied": 29, "failed": 1} == first.finished["version_table_counts"]
    assert "version_tables" not in first.finished
    assert [("r1", 29), ("r2", 29)] == [
        (each["revision"], each["version_tables"]) for each in first.finished["applied"]
    ]
    (failed,) = first.finished["failed_version_tables"]
    assert tenants.name("s7") == failed["version_table"]
    assert {"total": 29, "up_to_date": 29} == again.finished["version_table_counts"]
    assert "Up to date: 29 version tables at r2." == again.finished["summary"]
    assert re.match(r"\{.{,2500}\}$", again.stdout.splitlines()[-1])
