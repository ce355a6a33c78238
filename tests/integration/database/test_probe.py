"""Waiting for the database: what is tried again, and what is refused at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg import sql

from tests.fixtures.databases import CANARY, Database, create_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.proxy import Mode, Proxy
from tests.fixtures.runner import Migrate, Running


@pytest.fixture(autouse=True)
def _one_revision(project: Project) -> None:
    project.table("r1", "one")


def _applies_after(running: Running, reason: str, mend: Callable[[], object]) -> None:
    """Assert that the run waits because of `reason`, and goes on once that is mended."""
    event = running.wait_for_event("database_unavailable", reason=reason)
    assert 1 <= event["attempt"]
    assert 0 < event["remaining_seconds"] <= 60
    mend()
    result = running.wait()
    assert 0 == result.exit_code, result.stdout
    assert "applied" == result.finished["outcome"]
    assert result.finished["waited_for_database_seconds"] > 0
    assert "canary" not in result.stdout + result.stderr


def test_a_server_that_is_not_up_yet(own_server: PostgresServer, migrate: Migrate) -> None:
    own_server.start()
    database = create_database(own_server)
    own_server.stop()

    running = migrate.start(DATABASE_URL=database.url)

    _applies_after(running, "connection_refused", own_server.start)


def test_a_server_that_is_starting_up(own_server: PostgresServer, migrate: Migrate) -> None:
    """Recovery waits for a WAL file, which comes when the test says so."""
    own_server.start()
    database = create_database(own_server)
    own_server.stop("fast")
    gate = own_server.folder / "gate"
    (own_server.folder / "recovery.signal").touch()
    own_server.start(
        wait=False,
        hot_standby="off",
        restore_command=f"while [ ! -e {gate} ]; do sleep 0.05; done; false",
    )

    running = migrate.start(DATABASE_URL=database.url)

    _applies_after(running, "not_accepting_connections", gate.touch)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("reset", "connection_lost"), ("hang_up", "connection_lost"), ("black_hole", "timeout")],
)
def test_a_network_that_misbehaves(
    database: Database, migrate: Migrate, proxy: Proxy, mode: Mode, reason: str
) -> None:
    proxy.mode, proxy.upstream_port = mode, database.server.port

    running = migrate.start(
        DATABASE_URL=database.url_at(proxy.port), MIGRATE_CONNECT_TIMEOUT="500ms"
    )

    def mend() -> None:
        proxy.mode = "forward"

    _applies_after(running, reason, mend)


def test_too_many_connections(database: Database, migrate: Migrate) -> None:
    role = sql.Identifier(database.owner)
    with database.server.connect() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(role))

        running = migrate.start(DATABASE_URL=database.url)

        unlimited = sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(role)
        _applies_after(running, "too_many_connections", lambda: admin.execute(unlimited))


def test_a_host_that_has_no_address_yet(database: Database, migrate: Migrate) -> None:
    url = database.url.replace("127.0.0.1", "database.invalid")

    result = migrate.run(DATABASE_URL=url, MIGRATE_WAIT_TIMEOUT="1s")

    assert 69 == result.exit_code, result.stdout
    assert "host_unknown" == result.finished["error"]["reason"]


def test_a_standby_becomes_primary(
    own_server: PostgresServer, standby: PostgresServer, migrate: Migrate
) -> None:
    database = create_database(own_server)
    with standby.connect() as connection:
        replayed = "SELECT 1 FROM pg_database WHERE datname = %s"
        while not connection.execute(replayed, [database.name]).fetchall():
            pass

    running = migrate.start(DATABASE_URL=database.url_at(standby.port))

    def promote() -> None:
        own_server.stop()
        with standby.connect() as connection:
            connection.execute("SELECT pg_promote()")

    _applies_after(running, "read_only", promote)


def test_of_several_hosts_the_writable_one_is_used(
    own_server: PostgresServer, standby: PostgresServer, migrate: Migrate
) -> None:
    database = create_database(own_server)

    result = migrate.run(DATABASE_URL=database.url_at(1, standby.port, own_server.port))

    assert 0 == result.exit_code, result.stdout
    assert [("one",)] == database.query("SELECT to_regclass('one')::text")


def test_a_read_only_database(database: Database, migrate: Migrate) -> None:
    name = sql.Identifier(database.name)
    with database.server.connect() as admin:
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name)
        )

        running = migrate.start(DATABASE_URL=database.url)

        reset = sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name)
        _applies_after(running, "read_only", lambda: admin.execute(reset))


def test_when_the_time_is_up_it_says_so(migrate: Migrate, proxy: Proxy) -> None:
    proxy.close()

    result = migrate.run(
        DATABASE_URL=f"postgresql://owner:canary@127.0.0.1:{proxy.port}/shop",
        MIGRATE_WAIT_TIMEOUT="600ms",
    )

    assert 69 == result.exit_code, result.stdout
    assert result.of("database_unavailable")
    assert result.finished["summary"].startswith("The database was not ready within ")
    assert result.finished["waited_for_database_seconds"] > 0
    assert result.finished["summary"].endswith("The database was not touched.")
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.replace("canary", "wrong-canary"), "authentication_failed"),
        (lambda url: url.replace("//owner", "//ghost"), "authentication_failed"),
        (lambda url: url.replace("/shop", "/no_shop"), "missing_database"),
        (lambda url: f"{url}?sslmode=require", "tls_refused"),
        (lambda url: f"{url}?sslmode=verify-full&sslrootcert=/nowhere", "tls_refused"),
        (lambda url: url.replace("//owner", "//banned"), "not_allowed"),
    ],
    ids=["password", "role", "database", "tls", "certificate", "pg_hba"],
)
def test_what_waiting_cannot_help_ends_at_once(
    own_server: PostgresServer, migrate: Migrate, change: Callable[[str], str], reason: str
) -> None:
    rules = own_server.folder / "pg_hba.conf"
    banned = "host all /^banned 127.0.0.1/32 reject\n"
    rules.write_text(f"{banned}host all all 127.0.0.1/32 scram-sha-256\n")
    own_server.start()
    database = create_database(own_server)

    result = migrate.run(DATABASE_URL=change(database.url))

    assert 77 == result.exit_code, result.stdout
    assert reason == result.finished["error"]["reason"]
    assert result.finished["error"]["advice"] in result.finished["summary"]
    assert 1 == len(result.of("database_unavailable"))
    assert CANARY not in result.stdout
    assert "canary" not in result.stdout + result.stderr


def test_a_missing_database_can_be_waited_for(database: Database, migrate: Migrate) -> None:
    with database.server.connect() as admin:
        name = sql.Identifier(database.name)
        admin.execute(sql.SQL("DROP DATABASE {}").format(name))

        running = migrate.start(DATABASE_URL=database.url, MIGRATE_WAIT_FOR_DATABASE="true")

        create = sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(database.owner))
        _applies_after(running, "missing_database", lambda: admin.execute(create))
