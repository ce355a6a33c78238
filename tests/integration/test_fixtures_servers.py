"""The tests' own servers are what the other tests take them for."""

from __future__ import annotations

import psycopg
import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.pgbouncer import PgBouncerFactory, PoolMode

PID = "SELECT pg_backend_pid()"


def _pid(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(PID).fetchone()
    assert row is not None
    return row[0]


def test_every_major_version_answers_and_is_dumped(every_database: Database) -> None:
    every_database.query("CREATE TABLE one (id bigint)")
    twin = create_database(every_database.server)
    twin.query("CREATE TABLE one (id bigint)")

    (version,) = every_database.query("SHOW server_version")
    dumps = [
        database.server.dump(database.name, "--no-owner") for database in (every_database, twin)
    ]

    drop_database(twin)
    assert str(every_database.server.major) == version[0].partition(".")[0]
    assert "CREATE TABLE public.one" in dumps[0]
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_libpq_does_not_know_the_process_behind_pgbouncer(
    database: Database, pgbouncer: PgBouncerFactory, mode: PoolMode
) -> None:
    with pgbouncer(database, mode).connect() as connection, database.connect() as direct:
        assert direct.info.backend_pid == _pid(direct)
        assert connection.info.backend_pid != _pid(connection)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_clients_share_a_session(
    database: Database, pgbouncer: PgBouncerFactory, mode: PoolMode
) -> None:
    server = pgbouncer(database, mode, default_pool_size=1)
    with server.connect() as one, server.connect() as other:
        assert _pid(one) == _pid(other)


def test_clients_of_the_session_mode_do_not(
    database: Database, pgbouncer: PgBouncerFactory
) -> None:
    server = pgbouncer(database, "session")
    with server.connect() as one, server.connect() as other:
        assert _pid(one) != _pid(other)
        assert _pid(one) == _pid(one)


def test_the_transactions_of_a_client_go_round_the_pool(
    database: Database, pgbouncer: PgBouncerFactory
) -> None:
    server = pgbouncer(database, "transaction", default_pool_size=2, server_round_robin=1)
    with server.connect() as one, server.connect() as other:
        with one.transaction(), other.transaction():
            both = {_pid(one), _pid(other)}
        first, second = _pid(one), _pid(one)
    assert both == {first, second}
    assert first != second


def test_the_statement_mode_refuses_transactions(
    database: Database, pgbouncer: PgBouncerFactory
) -> None:
    with (
        pgbouncer(database, "statement").connect() as connection,
        pytest.raises(psycopg.Error, match="transaction blocks not allowed"),
    ):
        connection.execute("BEGIN")


def test_a_pgbouncer_that_does_not_start_says_why(
    database: Database, pgbouncer: PgBouncerFactory
) -> None:
    with pytest.raises(AssertionError, match="no_such_setting"):
        pgbouncer(database, "session", no_such_setting=1)
