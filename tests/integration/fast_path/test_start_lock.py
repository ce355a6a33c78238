"""The start lock: one run goes the full path, and the others wait for it in the fast path."""

from __future__ import annotations

import json
import signal
import time
from typing import Any, Final

import pytest
from psycopg import sql

from migration_runner.build.start_lock_query import start_lock_queries
from migration_runner.database.network import KEEPALIVES, SERVER_SIDE
from tests.fixtures.databases import Database
from tests.fixtures.pgbouncer import PgBouncerFactory
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.start_lock import GATE, HOLDER, Herd, imported
from tests.integration.database.test_poolers import STATE

HOLD_GATE: Final = "SELECT pg_advisory_lock(99)"
QUICK: Final = ["run_started", "database_ready", "run_finished"]
# The first one that comes here divides by zero; a sequence does not roll back.
FAILS_ONCE: Final = "op.execute(\"SELECT 1 / (nextval('tries') - 1)\")\n"
COUNT_HOLDERS: Final = (
    f'op.execute("CREATE TABLE holders AS SELECT count(*) FROM (SELECT {HOLDER}) AS found")\n'
)
# The sockets of this process, with their keepalives, and of a child that closes nothing.
LOOK_AT_SOCKETS: Final = """\
import json, os, socket, stat, subprocess, sys

OPTIONS = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
ours = []
for number in range(256):
    if os.path.exists(f"/dev/fd/{number}") and stat.S_ISSOCK(os.fstat(number).st_mode):
        with socket.socket(fileno=os.dup(number)) as found:
            if found.family == socket.AF_INET:
                ours.append([found.getsockopt(socket.IPPROTO_TCP, each) for each in OPTIONS])
child = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE)
with open("sockets.json", "w") as file:
    json.dump({"ours": ours, "childs": child.stdout.decode().count("socket:")}, file)
"""


@pytest.mark.parametrize("at", ["an empty database", "a database that is behind"])
def test_the_others_end_with_the_first(
    at: str, project: Project, herd: Herd, migrate: Migrate, database: Database
) -> None:
    if at != "an empty database":
        project.table("r0", "zero")
        assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    project.revision("r1", GATE)
    herd.build()
    with herd.locked(HOLD_GATE):
        first = herd.start_first()
        others = [herd.start() for _ in range(3)]
        herd.wait_for_sessions(4)
        assert 1 == len(database.query(f"SELECT {HOLDER}"))

    results = [other.wait() for other in others]
    end = first.wait()

    assert "applied" == end.finished["outcome"]
    assert imported(end)
    for result in results:
        assert not imported(result), result.stdout
        assert QUICK == result.names
        assert (0, "up_to_date") == (result.exit_code, result.finished["outcome"])
        assert result.finished["waited_for_run_lock_seconds"] > 0
        assert "Up to date: the database is at r1." == result.finished["summary"]
    herd.wait_for_sessions(0)


def test_of_many_at_once_one_goes_on(project: Project, herd: Herd, database: Database) -> None:
    project.table("r1", "one")
    herd.build()

    results = [running.wait() for running in [herd.start() for _ in range(12)]]

    assert {0} == {result.exit_code for result in results}
    assert [imported(result) for result in results] == [
        result.finished["outcome"] == "applied" for result in results
    ]
    assert 1 == sum(map(imported, results))
    assert [("r1",)] == database.query("SELECT revision FROM migration_runner.ledger")


def test_when_the_first_is_killed_another_one_goes_on(project: Project, herd: Herd) -> None:
    project.revision("r1", GATE)
    herd.build()
    with herd.locked(HOLD_GATE):
        first = herd.start_first()
        others = [herd.start() for _ in range(2)]
        herd.wait_for_sessions(3)
        first.kill()
    results = [other.wait() for other in others]

    assert [0, 0] == [result.exit_code for result in results]
    assert ["applied", "up_to_date"] == sorted(each.finished["outcome"] for each in results)
    assert [False, True] == sorted(map(imported, results))


def test_when_a_revision_fails_the_next_one_goes_on(
    project: Project, herd: Herd, database: Database
) -> None:
    database.query("CREATE SEQUENCE tries")
    project.revision("r1", GATE + FAILS_ONCE)
    herd.build()
    with herd.locked(HOLD_GATE):
        first = herd.start_first()
        others = [herd.start() for _ in range(2)]
        herd.wait_for_sessions(3)
    end, results = first.wait(), [other.wait() for other in others]

    assert 1 == end.exit_code
    assert ["applied", "up_to_date"] == sorted(each.finished["outcome"] for each in results)
    assert [False, True] == sorted(map(imported, results))


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")]
)
def test_a_signal_ends_the_waiting(
    number: signal.Signals, name: str, project: Project, herd: Herd
) -> None:
    project.table("r1", "one")
    herd.build()
    with herd.locked():
        running = herd.start()
        herd.wait_for_sessions(1)
        running.signal(number)
        result = running.wait()

    assert 128 + number == result.exit_code
    assert f"Interrupted ({name})." in result.finished["summary"]


def test_a_connection_that_breaks_ends_the_waiting(
    project: Project, herd: Herd, database: Database
) -> None:
    project.table("r1", "one")
    herd.build()
    with herd.locked():
        running = herd.start()
        herd.wait_for_sessions(1)
        database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'migrate-start %'"
        )
        result = running.wait()

    assert "applied" == result.finished["outcome"]


@pytest.mark.parametrize(
    "variables",
    [{"MIGRATE_RUN_LOCK_TIMEOUT": "5m"}, {"MIGRATE_HEARTBEAT": "5s"}, {"MIGRATE_RUN_LOCK": "off"}],
    ids=" ".join,
)
def test_who_wants_the_lines_of_waiting_goes_on(
    variables: dict[str, str], project: Project, herd: Herd
) -> None:
    project.table("r1", "one")
    herd.build()
    with herd.locked():
        result = herd.start(**variables).wait()

    assert "applied" == result.finished["outcome"]


@pytest.mark.parametrize(
    ("statements", "words", "exit_code"),
    [
        (["DROP SCHEMA migration_runner CASCADE"], [], 0),
        (["UPDATE alembic_version SET version_num = 'x9'"], [], 65),
        (
            [
                "UPDATE alembic_version SET version_num = 'r2'",
                "INSERT INTO migration_runner.ledger (version_table_schema, version_table,"
                " direction, revision, parents, run_id, runner_version) VALUES ('public',"
                " 'alembic_version', 'upgrade', 'r2', ARRAY['r1'], 'x', '1')",
            ],
            [],
            0,
        ),
        (["DELETE FROM alembic_version"], ["status", "--check"], 3),
    ],
    ids=["at head without a ledger", "unknown", "ahead", "status"],
)
def test_what_is_not_waited_for(  # noqa: PLR0913, PLR0917 - fixtures
    statements: list[str],
    words: list[str],
    exit_code: int,
    project: Project,
    herd: Herd,
    migrate: Migrate,
    database: Database,
) -> None:
    project.table("r1", "one")
    herd.build()
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    for statement in statements:
        database.query(statement)
    with herd.locked():
        result = herd.start(*words).wait()

    assert exit_code == result.exit_code, result.stdout
    assert imported(result)


def test_through_a_pooler_nothing_is_set_and_nothing_locked(
    project: Project, herd: Herd, database: Database, pgbouncer: PgBouncerFactory
) -> None:
    project.table("r1", "one")
    herd.build()
    pooler = pgbouncer(database, "transaction", default_pool_size=1)
    with pooler.connect() as client:
        before = client.execute(STATE).fetchall()

    result = herd.start(DATABASE_URL=pooler.url).wait()

    assert 78 == result.exit_code, result.stdout
    with pooler.connect() as client:
        assert before == client.execute(STATE).fetchall()


def test_no_child_has_the_connection_and_both_ends_notice_when_the_other_is_gone(
    project: Project, herd: Herd, database: Database
) -> None:
    project.revision("r1", COUNT_HOLDERS + LOOK_AT_SOCKETS)
    herd.build()

    result = herd.start().wait()

    assert 0 == result.exit_code, result.stdout
    assert [(1,)] == database.query("SELECT count FROM holders")
    found = json.loads((project.folder / "sockets.json").read_text())
    assert 0 == found["childs"]
    # The work session's, the start lock's, and perhaps the observer's.
    assert len(found["ours"]) in (2, 3)
    wanted = [int(value) for value in KEEPALIVES.values()]
    assert all(each == wanted for each in found["ours"])


def test_without_an_entry_point_it_is_kept_in_the_process(
    project: Project, herd: Herd, migrate: Migrate, database: Database
) -> None:
    project.revision("r1", COUNT_HOLDERS + LOOK_AT_SOCKETS)
    herd.build()

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [(1,)] == database.query("SELECT count FROM holders")
    assert 0 == json.loads((project.folder / "sockets.json").read_text())["childs"]


def _limit_connections(database: Database, count: int) -> None:
    role = sql.Identifier(database.owner)
    with database.server.connect() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, count))


def test_a_role_with_one_connection_works_without(
    project: Project, herd: Herd, database: Database
) -> None:
    project.revision("r1", COUNT_HOLDERS)
    herd.build()
    _limit_connections(database, 1)

    result = herd.start().wait()

    assert ("applied", []) == (result.finished["outcome"], result.of("database_unavailable"))
    assert [(0,)] == database.query("SELECT count FROM holders")


def test_the_observer_comes_before_the_start_lock(
    project: Project, herd: Herd, database: Database
) -> None:
    project.revision("r1", GATE)
    herd.build()
    _limit_connections(database, 2)
    with database.server.connect(database.name) as admin:
        admin.execute(HOLD_GATE)
        running = herd.start_first()
        observers = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'migrate-observer %'"
        deadline = time.monotonic() + 60
        while not admin.execute(observers.encode()).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    result = running.wait()

    assert ("applied", []) == (result.finished["outcome"], result.of("observer_unavailable"))


@pytest.mark.parametrize("schema", [None, "public", "o'd\"d"])
@pytest.mark.parametrize("name", ["alembic_version", "v'e\"r {sion}"])
def test_the_questions(schema: str | None, name: str, any_database: Database) -> None:
    place = sql.Identifier(schema, name) if schema else sql.Identifier(name)
    with any_database.connect() as connection:
        questions = start_lock_queries(schema, name)

        def ask(column: str) -> Any:
            return connection.execute(f"SELECT {questions[column]}".encode()).fetchone()

        assert (False,) == ask("there")
        assert (True,) == ask("take")
        connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema or "public"))
        )
        connection.execute(sql.SQL("CREATE TABLE {} (version_num text)").format(place))
        assert ((True,), (None,)) == (ask("there"), ask("heads"))
        connection.execute(sql.SQL("INSERT INTO {} VALUES ('b'), ('a')").format(place))
        assert ("a,b",) == ask("heads")
        # The key is the same once the table is there.
        with any_database.connect() as other:
            assert (False,) == other.execute(f"SELECT {questions['take']}".encode()).fetchone()


def test_the_session_is_named_and_watched(every_database: Database) -> None:
    questions = start_lock_queries(None, "alembic_version")
    with every_database.connect() as connection:
        connection.execute("SET application_name = 'migrate 0123456789ab some-host'")
        connection.execute(f"SELECT {questions['prepare']}".encode())
        rows = connection.execute("SELECT name, setting || coalesce(unit, '') FROM pg_settings")
        found = dict(rows.fetchall())

    assert "migrate-start some-host" == found["application_name"]
    assert {"2000ms", "5s", "3s", "3", "14000ms"} == {found[name] for name in SERVER_SIDE}
