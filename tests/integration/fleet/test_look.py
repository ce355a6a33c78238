"""The look: one query a database, which sees what is there, and leaves no trace."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.fixtures.databases import CANARY, Database, create_database, drop_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.targets import (
    Databases,
    add_schemas,
    answer,
    log_of,
    outcomes,
    read_server_log,
    write_targets,
)

SCHEMAS = ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")


@pytest.fixture
def logged(own_server: PostgresServer) -> Iterator[Database]:
    """Return a database on a server whose log has each connection, and who is there."""
    own_server.start(log_line_prefix="<%a> ", log_connections="all")
    database = create_database(own_server)
    yield database
    drop_database(database)


def _declare(project: Project) -> None:
    project.table("r1", "one")
    project.table("r2", "two")
    project.declare()


def _status(migrate: Migrate, targets: str, **variables: str) -> dict[str, dict[str, Any]]:
    result = migrate.run("fleet", "status", "--targets", targets, "--json", **variables)
    assert 0 == result.exit_code, result.stderr
    return {each.pop("target"): each for each in answer(result)["results"]}


def _seen(result: Result) -> tuple[int, int, int]:
    (event,) = [each for each in log_of(result) if each["event"] == "targets_seen"]
    return event["up_to_date"], event["to_run"], event["unreachable"]


def _fleet(migrate: Migrate, targets: str, *words: str, **variables: str) -> Result:
    return migrate.run(
        "fleet", "--targets", targets, "--json", *words, **variables, MIGRATE_LOG_FORMAT="json"
    )


def _behind(pending: int = 2) -> dict[str, Any]:
    return {"relation": "behind", "heads": [], "pending": pending}


AT_HEAD = {"relation": "at head", "heads": ["r2"], "pending": 0}
NO_SCHEMA = {
    "relation": "no schema",
    "detail": "its schema does not exist, or the role may not use it",
}
UNREADABLE = {
    "relation": "unreadable",
    "detail": "the version table cannot be read, or not all of its rows",
}


def test_one_query_sees_all_schemas(project: Project, migrate: Migrate, logged: Database) -> None:
    """Whatever state each is in: over one connection, and without an error in the server's log."""
    _declare(project)
    add_schemas(logged, *SCHEMAS)
    targets = write_targets(project, *(f"schema={name}" for name in SCHEMAS), "schema=S9")
    some = [word for name in ("s1", "s2", "s3", "s4", "s5") for word in ("--only", name)]
    done = _fleet(migrate, targets, *some, DATABASE_URL=logged.url)
    assert {"applied"} == {*outcomes(done).values()}, done.stderr
    with logged.connect() as connection:
        connection.execute("UPDATE s2.alembic_version SET version_num = 'r1'")
        connection.execute("INSERT INTO s3.alembic_version VALUES ('b9'), ('a9')")
        connection.execute("REVOKE SELECT ON s4.alembic_version FROM CURRENT_USER")
        connection.execute("ALTER TABLE s5.alembic_version ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE s5.alembic_version FORCE ROW LEVEL SECURITY")
        connection.execute("CREATE TABLE s6.alembic_version (other int)")
        connection.execute("DROP SCHEMA s7")
        connection.execute("CREATE VIEW s8.alembic_version AS SELECT 'r2'::text AS version_num")
    before = len(Path(logged.server.log).read_text())

    found = _status(migrate, targets, DATABASE_URL=logged.url)
    lines = read_server_log(logged.server.log, before)

    assert {
        "s1": AT_HEAD,
        "s2": {"relation": "behind", "heads": ["r1"], "pending": 1},
        "s3": {"relation": "not in this image", "heads": ["a9", "b9", "r2"]},
        "s4": UNREADABLE,
        "s5": UNREADABLE,
        "s6": UNREADABLE,
        "s7": NO_SCHEMA,
        "s8": AT_HEAD,
        # Unquoted, as in a search_path: it is s9.
        "S9": NO_SCHEMA,
    } == found
    assert 1 == len([line for line in lines if "connection authorized" in line])
    assert [] == [line for line in lines if "ERROR" in line or "FATAL" in line]


def test_every_major_version_answers(
    project: Project, migrate: Migrate, every_database: Database
) -> None:
    """With the same query, over version table and ledger."""
    _declare(project)
    add_schemas(every_database, "s1", "s2")
    targets = write_targets(project, "schema=s1", "schema=s2", f"public {every_database.url}")
    url = {"DATABASE_URL": every_database.url}
    assert "applied" == outcomes(_fleet(migrate, targets, "--only", "s1", **url))["s1"]
    assert {"s1": AT_HEAD, "s2": _behind(), "public": _behind()} == _status(migrate, targets, **url)
    assert (1, 0, 0) == _seen(_fleet(migrate, targets, "--only", "s1", **url))


def test_a_schema_can_have_any_name(project: Project, migrate: Migrate, database: Database) -> None:
    """Quoted where SQL quotes it: run and look mean the same schema."""
    _declare(project)
    names = ['My "Schema"', "o'brien", "münchen", "a%b", "select", "a,b", "back\\slash"]
    with database.connect() as connection:
        for name in names:
            statement = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name))
            connection.execute(statement)
    objects = [
        {"name": f"t{number}", "schema": '"' + name.replace('"', '""') + '"'}
        for number, name in enumerate(names)
    ]
    targets = write_targets(project, *map(json.dumps, objects))
    url = {"DATABASE_URL": database.url}
    first = _fleet(migrate, targets, **url)
    assert {f"t{number}": "applied" for number in range(len(names))} == outcomes(first)
    found = database.query("SELECT nspname::text FROM pg_class c JOIN pg_namespace n"
                           " ON n.oid = relnamespace WHERE relname = 'two' ORDER BY 1")  # fmt: skip
    assert sorted(names) == sorted(name for (name,) in found)
    assert (len(names), 0, 0) == _seen(_fleet(migrate, targets, **url))


def test_what_the_look_cannot_decide_is_run(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """Without a readable ledger, or with another file than it has recorded."""
    _declare(project)
    (database,) = databases(1)
    add_schemas(database, "s1", "s2")
    targets = write_targets(project, "schema=s1", "schema=s2")
    url = {"DATABASE_URL": database.url}
    assert (0, 2, 0) == _seen(_fleet(migrate, targets, **url))
    assert (2, 0, 0) == _seen(_fleet(migrate, targets, **url))

    # One of two, so that what is recorded of the other stays.
    database.query("DELETE FROM migration_runner.ledger WHERE version_table_schema = 's2'")
    again = _fleet(migrate, targets, **url)
    assert ((1, 1, 0), {"s1": "up_to_date", "s2": "up_to_date"}) == (_seen(again), outcomes(again))
    # It has recorded what it found.
    assert (2, 0, 0) == _seen(_fleet(migrate, targets, **url))

    with (project.versions / "r1.py").open("a") as file:
        file.write("\n# edited\n")
    assert (0, 2, 0) == _seen(_fleet(migrate, targets, **url))
    # That is not where a schema is.
    assert {"s1": AT_HEAD, "s2": AT_HEAD} == _status(migrate, targets, **url)

    database.query("REVOKE SELECT ON migration_runner.ledger FROM CURRENT_USER")
    assert {"s1": AT_HEAD, "s2": AT_HEAD} == _status(migrate, targets, **url)
    assert (0, 2, 0) == _seen(_fleet(migrate, targets, **url))
    # Nobody asks for it.
    assert (2, 0, 0) == _seen(_fleet(migrate, targets, MIGRATE_LEDGER="off", **url))


def test_without_a_declaration_each_is_run(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """A run can depend on anything then; the log says why it is slow."""
    project.table("r1", "one")
    (database,) = databases(1)
    targets = write_targets(project, f"a {database.url}")
    _fleet(migrate, targets)
    again = _fleet(migrate, targets)
    (event,) = [each for each in log_of(again) if each["event"] == "targets_seen"]
    assert (1, True) == (event["to_run"], event["undeclared"])
    assert {"a": "up_to_date"} == outcomes(again)


def test_another_target_is_no_missing_declaration(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    _declare(project)
    (database,) = databases(1)
    targets = write_targets(project, f"a {database.url}")
    result = _fleet(migrate, targets, "--target", "r1")
    (event,) = [each for each in log_of(result) if each["event"] == "targets_seen"]
    assert (1, None) == (event["to_run"], event.get("undeclared"))


def test_the_version_table_can_have_a_schema_and_a_name(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """The declared ones, in each database."""
    project.table("r1", "one")
    options = 'version_table="versions", version_table_schema="ops", transaction_per_migration'
    env = project.folder / "migrations" / "env.py"
    env.write_text(env.read_text().replace("transaction_per_migration", options))
    project.declare("ops.versions")
    one, other = databases(2)
    for database in (one, other):
        add_schemas(database, "ops")
    other.query("CREATE TABLE alembic_version (version_num text)")
    other.query("INSERT INTO alembic_version VALUES ('r1')")
    targets = write_targets(project, f"one {one.url}", f"other {other.url}")
    assert {"one": "applied"} == outcomes(_fleet(migrate, targets, "--only", "one"))
    assert {
        "one": {"relation": "at head", "heads": ["r1"], "pending": 0},
        "other": _behind(1),
    } == _status(migrate, targets)


def test_the_role_is_set(project: Project, migrate: Migrate, databases: Databases) -> None:
    """Who logs in may read nothing; one that may not be set is no unreachable server."""
    _declare(project)
    (database,) = databases(1)
    targets = write_targets(project, f"a {database.url}")
    _fleet(migrate, targets)
    login = f"login_{database.owner}"
    with database.server.connect(database.name) as admin:
        admin.execute(f"CREATE ROLE {login} LOGIN NOINHERIT IN ROLE {database.owner}".encode())
        admin.execute(f"ALTER ROLE {login} PASSWORD 'login-password'".encode())
    place = f"127.0.0.1:{database.server.port}/{database.name}"
    targets = write_targets(project, f"a postgresql://{login}:login-password@{place}")

    found = [
        _status(migrate, targets)["a"],
        _status(migrate, targets, MIGRATE_ROLE=database.owner)["a"],
        _status(migrate, targets, MIGRATE_ROLE="nobody-at-all")["a"],
    ]
    with database.server.connect(database.name) as admin:
        admin.execute(f"DROP ROLE {login}".encode())
    assert [UNREADABLE, AT_HEAD] == found[:2]
    assert "refused" == found[2]["relation"]
    assert "nobody-at-all" in found[2]["detail"]


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a server that accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


NAMES = ("closed", "silent0", "silent1", "one", "other")


def test_a_silent_server_does_not_hold_up_the_others(
    project: Project, migrate: Migrate, databases: Databases, silent: int
) -> None:
    """Even one at a time: its targets come last, and all but the first are tried once."""
    _declare(project)
    one, other = databases(2)
    lines = [f"silent{number} {one.url_at(silent)}x{number}" for number in range(12)]
    closed = f"closed {one.url_at(1)}"
    targets = write_targets(project, closed, *lines, f"one {one.url}", f"other {other.url}")
    quick = {"MIGRATE_CONNECT_TIMEOUT": "2s", "MIGRATE_WAIT_TIMEOUT": "3s"}
    some = [word for name in NAMES for word in ("--only", name)]

    done = _fleet(migrate, targets, *some, "--jobs", "1", **quick)

    assert (69, (0, 5, 3)) == (done.exit_code, _seen(done))
    ended = [each for each in log_of(done) if each["event"] == "target_finished"]
    assert ["one", "other"] == [each["target"] for each in ended][:2]
    assert ["closed", "silent0", "silent1"] == sorted(each["target"] for each in ended[2:])
    assert {"applied": 2, "failed": 3} == answer(done)["outcomes"]

    found = _status(migrate, targets, MIGRATE_CONNECT_TIMEOUT="2s")
    relations = {name: each["relation"] for name, each in found.items()}
    assert {
        "one": "at head",
        "other": "at head",
        "closed": "unreachable",
        **{f"silent{number}": "unreachable" for number in range(12)},
    } == relations


def test_a_refusal_is_not_an_unreachable_server(
    project: Project, migrate: Migrate, databases: Databases, silent: int
) -> None:
    """One has to be fixed, and for the other it may be enough to wait."""
    _declare(project)
    (database,) = databases(1)
    wrong = database.url.replace("canary", "wrong")
    assert CANARY not in wrong
    targets = write_targets(
        project,
        f"password {wrong}",
        f"missing {database.url}x",
        f"nobody {database.url_at(silent)}y",
    )
    found = _status(migrate, targets, MIGRATE_CONNECT_TIMEOUT="2s")
    assert ["refused", "refused", "unreachable"] == [each["relation"] for each in found.values()]
    assert "password authentication failed" in found["password"]["detail"]
    assert "does not exist" in found["missing"]["detail"]
