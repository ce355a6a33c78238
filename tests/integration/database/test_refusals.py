"""A server that refuses a login is understood, whatever language it speaks, and whatever it is."""

from __future__ import annotations

import pytest

from migration_runner.database.known_errors import KNOWN_ERRORS, KnownError, Origin
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.fake_server import FakeServers, refusal
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

GERMAN = "Zugang verweigert"
STATES = [
    (state, row)
    for row in KNOWN_ERRORS
    if row.origin is Origin.CONNECTING
    for state in row.states.split()
]
# What a server, a pooler, a proxy or libpq's sources say.
MESSAGES = [
    ("57P03", "the database system is starting up", "not_accepting_connections", 69),
    (
        "55000",
        'database "d" is not currently accepting connections',
        "not_accepting_connections",
        69,
    ),
    ("53300", "sorry, too many clients already", "too_many_connections", 69),
    ("08P01", "no more connections allowed (max_client_conn)", "too_many_connections", 69),
    ("XX000", "Max client connections reached", "too_many_connections", 69),
    ("08P01", "query_wait_timeout", "server_busy", 69),
    ("28P01", 'password authentication failed for user "u"', "authentication_failed", 77),
    ("28000", 'PAM authentication failed for user "u"', "authentication_failed", 77),
    ("28000", 'role "u" does not exist', "unknown_role", 77),
    ("28000", 'role "u" is not permitted to log in', "authentication_failed", 77),
    ("XX000", "Tenant or user not found", "unknown_role", 77),
    ("08P01", "no such user", "unknown_role", 77),
    ("3D000", 'database "d" does not exist', "missing_database", 77),
    ("08P01", "no such database: d", "missing_database", 77),
    ("28000", 'no pg_hba.conf entry for host "h", user "u"', "not_allowed", 77),
    ("42501", 'permission denied for database "d"', "not_allowed", 77),
    ("08P01", "SSL required", "tls_refused", 77),
    ("XX000", "Endpoint ID is not specified", "endpoint_unknown", 77),
    ("58000", "No pool configured for database: d", "endpoint_unknown", 77),
    ("42704", 'unrecognized configuration parameter "x"', "bad_parameters", 78),
    ("22023", 'invalid value for parameter "work_mem": "x"', "bad_parameters", 78),
    ("08P01", "unsupported startup parameter: options", "bad_parameters", 78),
    ("08P01", "server login has been failing, try again later", "connection_lost", 69),
    ("58000", "couldn't connect to compute node", "connection_lost", 69),
    ("XX000", "something new", "unknown", 69),
]
NOT_POSTGRES = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "mysql": b"J\0\0\0\x0a8.0.36\0" + 60 * b"\0",
    "redis": b"-ERR unknown command\r\n",
}


@pytest.fixture
def plain(project: Project) -> Project:
    """Return a project with a revision."""
    project.table("r1", "one")
    return project


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(("state", "row"), STATES, ids=[state for state, _ in STATES])
def test_the_sqlstate_decides_in_any_language(
    fake_server: FakeServers, migrate: Migrate, state: str, row: KnownError
) -> None:
    server = fake_server(refusal(state, GERMAN))

    result = migrate.run(
        DATABASE_URL=f"postgresql://u:secret-canary@127.0.0.1:{server.port}/d",
        MIGRATE_WAIT_TIMEOUT="0s",
    )

    assert row.kind.exit_code == result.exit_code, result.stdout
    assert row.reason == result.finished["error"]["reason"]
    assert row.advice in result.finished["summary"]


@pytest.mark.parametrize("kind", ["own", "psycopg2", "async"])
def test_an_engine_of_env_pys_own_is_refused_in_german(
    fake_server: FakeServers, project: Project, migrate: Migrate, kind: str
) -> None:
    """At once: two logins with libpq, one with asyncpg, which reports the SQLSTATE."""
    project.write_env(ENV_SOURCES[kind].format(options=""))
    project.table("r1", "one")
    server = fake_server(refusal("28P01", "Passwort-Authentifizierung fehlgeschlagen"))

    result = migrate.run(
        DATABASE_URL=f"postgresql://u:secret-canary@127.0.0.1:{server.port}/d",
        MIGRATE_WAIT_TIMEOUT="60s",
    )

    assert 77 == result.exit_code, result.stdout
    assert "authentication_failed" == result.finished["error"]["reason"]
    assert (1 if kind == "async" else 2) == server.logins


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("said", MESSAGES, ids=[message for _, message, _, _ in MESSAGES])
def test_a_message_in_english_needs_no_second_login(
    fake_server: FakeServers, migrate: Migrate, said: tuple[str, str, str, int]
) -> None:
    state, message, reason, exit_code = said
    server = fake_server(refusal(state, message))

    result = migrate.run(
        DATABASE_URL=f"postgresql://u:secret-canary@127.0.0.1:{server.port}/d",
        MIGRATE_WAIT_TIMEOUT="0s",
    )

    assert exit_code == result.exit_code, result.stdout
    assert reason == result.finished["error"]["reason"]
    assert (2 if reason == "unknown" else 1) == server.logins


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("mode", ["prefer", "disable"])
@pytest.mark.parametrize("kind", NOT_POSTGRES)
def test_what_listens_there_is_not_postgres(
    fake_server: FakeServers, migrate: Migrate, kind: str, mode: str
) -> None:
    server = fake_server(NOT_POSTGRES[kind], postgres=False)

    result = migrate.run(
        DATABASE_URL=f"postgresql://u:secret-canary@127.0.0.1:{server.port}/d?sslmode={mode}",
        MIGRATE_WAIT_TIMEOUT="60s",
    )

    assert 77 == result.exit_code, result.stdout
    assert "not a PostgreSQL server" in result.finished["summary"]


def test_asyncpg_sees_that_it_is_not_postgres(
    fake_server: FakeServers, project: Project, migrate: Migrate
) -> None:
    project.write_env(ENV_SOURCES["async"].format(options=""))
    project.table("r1", "one")
    server = fake_server(NOT_POSTGRES["http"], postgres=False)

    result = migrate.run(
        DATABASE_URL=f"postgresql://u:secret-canary@127.0.0.1:{server.port}/d",
        MIGRATE_WAIT_TIMEOUT="60s",
    )

    assert 77 == result.exit_code, result.stdout
    assert "is not a PostgreSQL server" in result.finished["summary"]


@pytest.mark.usefixtures("plain")
def test_no_service_of_that_name(migrate: Migrate) -> None:
    result = migrate.run(PGSERVICE="nobody_defined_this", MIGRATE_WAIT_TIMEOUT="60s")

    assert 78 == result.exit_code, result.stdout
    assert "nobody_defined_this" in result.finished["summary"]
