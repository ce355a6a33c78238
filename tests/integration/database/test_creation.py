"""A missing database is created where that is wanted, once, and only the one that is named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration_runner.database.creation import KEY_NAMESPACE
from migration_runner.database.run_lock import advisory_key
from tests.fixtures.databases import CANARY, Database, create_database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.fleet import HISTORY, FleetOfDatabases
from tests.fixtures.missing import MissingDatabase
from tests.fixtures.pgbouncer import PgBouncerFactory, PoolMode
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.runner import ROOT, Migrate, Result

ON = {"MIGRATE_CREATE_DATABASE": "true"}
OWN_ENGINES = {
    kind: source.format(options="transaction_per_migration=True")
    for kind, source in ENV_SOURCES.items()
    if kind != "offered"
}


@pytest.fixture
def table(project: Project) -> Project:
    """Return a project with a revision that fails where its table is there already."""
    project.table("r1", "made")
    return project


@pytest.fixture
def template(missing: MissingDatabase, database: Database) -> Iterator[Database]:
    """Return a database that may be copied; a template cannot be dropped."""
    missing.admin(f"ALTER DATABASE {database.name} IS_TEMPLATE true")
    yield database
    missing.admin(f"ALTER DATABASE {database.name} IS_TEMPLATE false")


def _refused(result: Result, code: int, *said: str) -> None:
    assert code == result.exit_code, result.stdout
    assert [] == [each for each in said if each not in result.finished["summary"]], result.finished
    assert "canary" not in result.stdout + result.stderr
    assert not result.of("database_created")


@pytest.mark.usefixtures("table")
def test_a_run_creates_it_and_migrates(missing: MissingDatabase, migrate: Migrate) -> None:
    first, second = (migrate.run(DATABASE_URL=missing.url, **ON) for _ in range(2))

    assert 0 == first.exit_code, first.stdout
    (created,) = first.of("database_created")
    facts = {"database": missing.name, "owner": missing.owner, "encoding": "UTF8"}
    assert facts == {name: created[name] for name in facts}
    assert ["r1"] == first.finished["to_revisions"]
    assert [] == first.of("database_unavailable")
    assert "up_to_date" == second.finished["outcome"]
    assert not second.of("database_created")


@pytest.mark.usefixtures("table")
def test_without_being_asked_it_is_not_created(missing: MissingDatabase, migrate: Migrate) -> None:
    _refused(migrate.run(DATABASE_URL=missing.url), 77, "`migrate create`")

    assert [] == missing.facts()


@pytest.mark.usefixtures("table")
def test_ten_at_once_create_one(missing: MissingDatabase, migrate: Migrate) -> None:
    running = [migrate.start(DATABASE_URL=missing.url, **ON) for _ in range(10)]
    results = [each.wait() for each in running]

    assert [0] * 10 == [each.exit_code for each in results], [each.stdout for each in results]
    assert 1 == sum(len(each.of("database_created")) for each in results)
    outcomes = sorted(each.finished["outcome"] for each in results)
    assert ["applied", *["up_to_date"] * 9] == outcomes


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "name",
    ['we"ird name', "Upper", "se;lect--", "a%20b", "ümläut", "it's", "back\\slash", "x" * 63],
)
def test_an_odd_name(missing: MissingDatabase, migrate: Migrate, name: str) -> None:
    odd = missing.named(name)

    result = migrate.run(DATABASE_URL=odd.url, **ON)

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "UTF8")] == odd.facts()
    assert [("r1",)] == odd.there.query("SELECT version_num FROM alembic_version")


@pytest.mark.usefixtures("table")
def test_a_role_without_the_right(missing: MissingDatabase, migrate: Migrate) -> None:
    odd = missing.named('we"ird')
    missing.admin(f"ALTER ROLE {missing.owner} NOCREATEDB")

    result = migrate.run(DATABASE_URL=odd.url, **ON)
    statement = result.finished["error"]["statement"]

    _refused(result, 77, "permission denied to create database", statement)
    assert f'CREATE DATABASE "we""ird" OWNER "{missing.owner}";' == statement
    missing.admin(statement)
    assert 0 == migrate.run(DATABASE_URL=odd.url, **ON).exit_code


@pytest.mark.usefixtures("table")
def test_owner_encoding_and_template(missing: MissingDatabase, migrate: Migrate) -> None:
    owner = missing.owner.replace("creator", "app")
    missing.admin(f"CREATE ROLE {owner}")
    missing.admin(f"GRANT {owner} TO {missing.owner}")

    result = migrate.run(
        "--create-database-owner", owner,
        DATABASE_URL=missing.url,
        MIGRATE_CREATE_DATABASE_ENCODING="SQL_ASCII",
        MIGRATE_CREATE_DATABASE_TEMPLATE="template0",
        **ON,
    )  # fmt: skip

    assert 0 == result.exit_code, result.stdout
    assert [(owner, "SQL_ASCII")] == missing.facts()


@pytest.mark.usefixtures("table")
def test_the_role_that_migrates_owns_it(missing: MissingDatabase, migrate: Migrate) -> None:
    owner = missing.owner.replace("creator", "app")
    missing.admin(f"CREATE ROLE {owner}")
    missing.admin(f"GRANT {owner} TO {missing.owner}")

    result = migrate.run(DATABASE_URL=missing.url, MIGRATE_ROLE=owner, **ON)

    assert 0 == result.exit_code, result.stdout
    assert [(owner, "UTF8")] == missing.facts()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("OWNER", "nobody_at_all", 78, 'role "nobody_at_all" does not exist'),
        ("OWNER", "postgres", 77, "must be able to SET ROLE"),
        ("ENCODING", "KLINGON", 78, "KLINGON is not a valid encoding name"),
        ("ENCODING", "LATIN1", 78, "or use template0 as template."),
        ("TEMPLATE", "nowhere", 78, 'template database "nowhere" does not exist'),
    ],
)
def test_what_the_server_does_not_take(  # noqa: PLR0913 - a table's columns
    missing: MissingDatabase,
    migrate: Migrate,
    *,
    variable: str,
    value: str,
    code: int,
    said: str,
) -> None:
    if variable == "OWNER" and value == "postgres":
        value = missing.admin("SELECT session_user")[0][0]
    setting = {f"MIGRATE_CREATE_DATABASE_{variable}": value}

    result = migrate.run(DATABASE_URL=missing.url, **setting, **ON)

    _refused(result, code, said)
    assert [] == missing.facts()


@pytest.mark.usefixtures("table")
def test_a_template_that_is_in_use_is_waited_for(
    missing: MissingDatabase, template: Database, migrate: Migrate
) -> None:
    setting = {"MIGRATE_CREATE_DATABASE_TEMPLATE": template.name}
    with template.connect():
        running = migrate.start(DATABASE_URL=missing.url, **setting, **ON)
        waiting = running.wait_for_event("database_unavailable")
    result = running.wait()

    assert "is being accessed by other users" in waiting["detail"]
    assert 0 == result.exit_code, result.stdout
    assert 1 == len(result.of("database_created"))


@pytest.mark.usefixtures("table")
def test_another_run_that_is_creating_it_is_waited_for(
    missing: MissingDatabase, migrate: Migrate
) -> None:
    """As held by a run that is about to: the lock is of the database `postgres`."""
    key = advisory_key(KEY_NAMESPACE, missing.name)
    with missing.server.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        running = migrate.start(DATABASE_URL=missing.url, **ON)
        waiting = running.wait_for_event("database_unavailable")
        assert [] == missing.facts()
    result = running.wait()

    assert "another run is creating it" == waiting["detail"]
    assert 0 == result.exit_code, result.stdout


@pytest.mark.usefixtures("table")
def test_somebody_else_who_creates_it_meanwhile(
    missing: MissingDatabase, template: Database, migrate: Migrate
) -> None:
    """While the statement waits for a template that is in use."""
    setting = {"MIGRATE_CREATE_DATABASE_TEMPLATE": template.name}
    with template.connect():
        running = migrate.start(DATABASE_URL=missing.url, **setting, **ON)
        missing.wait_until(
            "1 FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%' AND state = 'active'"
        )
        missing.admin(f"CREATE DATABASE {missing.name} OWNER {missing.owner} TEMPLATE template0")
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    assert not result.of("database_created")
    assert not result.of("database_unavailable")


@pytest.mark.parametrize("kind", sorted(OWN_ENGINES))
def test_env_pys_own_engine(
    project: Project, missing: MissingDatabase, migrate: Migrate, kind: str
) -> None:
    project.write_env(OWN_ENGINES[kind])
    project.table("r1", "made")

    result = migrate.run(DATABASE_URL=missing.url, **ON)

    assert 0 == result.exit_code, result.stdout
    assert 1 == len(result.of("database_created"))
    assert [("r1",)] == missing.there.query("SELECT version_num FROM alembic_version")


@pytest.mark.parametrize("kind", sorted(OWN_ENGINES))
def test_env_pys_own_engine_without_the_right(
    project: Project, missing: MissingDatabase, migrate: Migrate, kind: str
) -> None:
    project.write_env(OWN_ENGINES[kind])
    project.table("r1", "made")
    missing.admin(f"ALTER ROLE {missing.owner} NOCREATEDB")

    result = migrate.run(DATABASE_URL=missing.url, **ON)

    statement = f'CREATE DATABASE "{missing.name}" OWNER "{missing.owner}";'
    _refused(result, 77, "permission denied to create database", statement)
    assert statement == result.finished["error"]["statement"]


@pytest.mark.parametrize("kind", sorted(OWN_ENGINES))
def test_another_database_of_env_pys_is_not_created(
    project: Project, missing: MissingDatabase, database: Database, migrate: Migrate, kind: str
) -> None:
    env = OWN_ENGINES[kind].replace('"DATABASE_URL"', '"OTHER_URL"')
    project.write_env(env)
    project.table("r1", "made")

    result = migrate.run(DATABASE_URL=database.url, OTHER_URL=missing.url, **ON)

    assert 77 == result.exit_code, result.stdout
    assert "missing_database" == result.finished["error"]["reason"]
    assert [] == missing.facts()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "words", [("status",), ("wait",), ("check",), ("current",), ("downgrade", "base", "--yes")]
)
def test_what_applies_nothing_creates_nothing(
    missing: MissingDatabase, migrate: Migrate, words: tuple[str, ...]
) -> None:
    migrate.run(*words, DATABASE_URL=missing.url, MIGRATE_WAIT_TIMEOUT="2s", **ON)

    assert [] == missing.facts()


@pytest.mark.usefixtures("table")
def test_libpqs_variables(missing: MissingDatabase, migrate: Migrate) -> None:
    result = migrate.run(
        PGHOST="127.0.0.1",
        PGPORT=str(missing.server.port),
        PGUSER=missing.owner,
        PGPASSWORD=CANARY,
        PGDATABASE=missing.name,
        **ON,
    )

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "UTF8")] == missing.facts()


@pytest.mark.usefixtures("table")
def test_a_service_file(missing: MissingDatabase, migrate: Migrate, tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.write_text(
        f"[shop]\nhost=127.0.0.1\nport={missing.server.port}\nuser={missing.owner}\n"
        f"dbname={missing.name}\n"
    )

    result = migrate.run(PGSERVICEFILE=str(services), PGSERVICE="shop", PGPASSWORD=CANARY, **ON)

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "UTF8")] == missing.facts()


@pytest.mark.usefixtures("table")
def test_several_hosts(missing: MissingDatabase, migrate: Migrate) -> None:
    url = missing.there.url_at(1, missing.server.port).rpartition("/")[0] + f"/{missing.name}"

    result = migrate.run(DATABASE_URL=url, **ON)

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "UTF8")] == missing.facts()


def test_exec_creates_it(missing: MissingDatabase, migrate: Migrate) -> None:
    result = migrate.run("exec", "--", "true", DATABASE_URL=missing.url, **ON)

    assert 0 == result.exit_code, result.stdout
    assert [(missing.owner, "UTF8")] == missing.facts()


def test_nothing_is_imported_for_it_where_it_is_off(table: Project, database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "migration_runner"],
        cwd=table.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATABASE_URL": database.url},
        check=True,
        capture_output=True,
        text=True,
    )

    assert "migration_runner.database.probe" in done.stderr
    assert "migration_runner.database.creation" not in done.stderr


@pytest.mark.usefixtures("table")
def test_where_there_is_no_maintenance_database_but_the_template(
    own_server: PostgresServer, migrate: Migrate
) -> None:
    """Which has to be free of other sessions while it is copied."""
    own_server.start()
    database = create_database(own_server)
    new = MissingDatabase(own_server, "new", database.owner)
    new.admin(f"ALTER ROLE {database.owner} CREATEDB")
    with own_server.connect("template1") as admin:
        admin.execute("DROP DATABASE postgres WITH (FORCE)")

    running = [migrate.start(DATABASE_URL=new.url, **ON) for _ in range(4)]
    results = [each.wait() for each in running]

    assert [0] * 4 == [each.exit_code for each in results], [each.stdout for each in results]
    assert 1 == sum(len(each.of("database_created")) for each in results)


@pytest.mark.usefixtures("table")
def test_where_only_the_missing_database_may_be_connected_to(
    own_server: PostgresServer, migrate: Migrate
) -> None:
    rules = own_server.folder / "pg_hba.conf"
    own_server.start()
    database = create_database(own_server)
    new = MissingDatabase(own_server, "new", database.owner)
    rules.write_text(
        f"host postgres,template1 {database.owner} 127.0.0.1/32 reject\n{rules.read_text()}"
    )
    new.admin("SELECT pg_reload_conf()")

    result = migrate.run(DATABASE_URL=new.url, **ON)

    statement = f'CREATE DATABASE "new" OWNER "{database.owner}";'
    _refused(result, 77, "neither postgres nor template1 can be connected to", statement)


@pytest.fixture
def pooled_url(
    database: Database, missing: MissingDatabase, pgbouncer: PgBouncerFactory
) -> Iterator[Callable[[PoolMode], str]]:
    """Return a function that returns the missing database's URL, by way of a pooler."""
    missing.admin(f"ALTER ROLE {database.owner} CREATEDB")

    def url(mode: PoolMode) -> str:
        # After the pooler's own settings: every database of the server.
        every = f"15\n[databases]\n* = host=127.0.0.1 port={missing.server.port}"
        pooler = pgbouncer(database, mode, server_login_retry=1, tcp_keepidle=every)
        return f"{pooler.url.rpartition('/')[0]}/{missing.name}"

    yield url
    missing.admin(f"DROP DATABASE IF EXISTS {missing.name} WITH (FORCE)")


@pytest.mark.usefixtures("table")
def test_through_a_pooler_it_is_not_created(
    missing: MissingDatabase,
    pooled_url: Callable[[PoolMode], str],
    migrate: Migrate,
) -> None:
    result = migrate.run(DATABASE_URL=pooled_url("transaction"), **ON)

    _refused(result, 78, "is not created through a pooler. Set MIGRATE_DATABASE_URL")
    assert [] == missing.facts()


@pytest.mark.usefixtures("table")
def test_through_a_pooler_of_sessions(
    missing: MissingDatabase,
    pooled_url: Callable[[PoolMode], str],
    migrate: Migrate,
) -> None:
    """Which may say for a while that the database is missing."""
    result = migrate.run(DATABASE_URL=pooled_url("session"), MIGRATE_POOLER="session", **ON)

    assert 0 == result.exit_code, result.stdout
    assert 1 == len(missing.facts())


def test_the_fast_path_finds_it_missing(
    table: Project, missing: MissingDatabase, migrate: Migrate
) -> None:
    table.declare()
    assert 0 == migrate.run("build", "--seal").exit_code
    command = [sys.executable, "-IS", str(ROOT / "entrypoint.py")]

    running = [migrate.start_command(command, DATABASE_URL=missing.url, **ON) for _ in range(3)]
    results = [each.wait() for each in running]
    imports = {"PYTHONPROFILEIMPORTTIME": "1"}
    again = migrate.start_command(command, DATABASE_URL=missing.url, **imports, **ON).wait()

    assert [0] * 3 == [each.exit_code for each in results], [each.stdout for each in results]
    assert 1 == sum(len(each.of("database_created")) for each in results)
    assert "up_to_date" == again.finished["outcome"]
    assert "migration_runner.cli" not in again.stderr


def test_a_fleets_target(fleet: FleetOfDatabases) -> None:
    there = fleet.add("there")
    with fleet.server.connect() as admin:
        admin.execute(f"ALTER ROLE {there.owner} CREATEDB".encode())
    new = Database(fleet.server, f"{there.name}_new", there.owner)
    fleet.databases["new"] = new
    fleet.lines["new"] = f"new {new.url}"

    without = fleet.run()
    result = fleet.run(**ON)

    assert 77 == without.exit_code, without.stdout
    assert 0 == result.exit_code, result.stdout
    assert [*HISTORY] == fleet.recorded("new")
