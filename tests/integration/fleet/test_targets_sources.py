"""Where targets come from: a query, a command, standard input. None of them gives a secret away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.targets import Databases, add_schemas, answer, log_of, outcomes

# What each spelling of the password begins with.
SECRET = "canary%"


def _names(migrate: Migrate, *words: str, **variables: str) -> dict[str, str]:
    result = migrate.run("fleet", "status", *words, "--json", **variables)
    assert 0 == result.exit_code, result.stderr
    return {each["target"]: each["relation"] for each in answer(result)["results"]}


def _failure(migrate: Migrate, *words: str, **variables: str) -> dict[str, Any]:
    """Return the last line of a fleet that ends before anything is touched."""
    result = migrate.run("fleet", *words, **variables)
    assert 78 == result.finished["exit_code"]
    assert ["run_finished"] == result.names
    assert result.finished["summary"].endswith(" The database was not touched.")
    assert SECRET not in result.stdout + result.stderr
    return result.finished


def test_a_query_names_targets(project: Project, migrate: Migrate, database: Database) -> None:
    """Columns in any order, of any type that can be meant."""
    project.table("r1", "one")
    project.declare()
    add_schemas(database, "t7", "t8", "t9")
    database.query("CREATE TABLE tenants (id int, place text, tags text[], more json, flags jsonb)")
    database.query(
        """INSERT INTO tenants VALUES
        (7, 't7', '{ring=canary,eu}', '["ring=canary"]', '{"ring": "canary"}'),
        (8, 't8', '{}', NULL, '{"paid": true, "tier": 2}'), (9, 't9', NULL, '[]', NULL)"""
    )
    url = {"DATABASE_URL": database.url}
    everything = {"7": "behind", "8": "behind", "9": "behind"}
    for column in ("tags", "more", "flags"):
        query = f"SELECT {column} AS labels, place AS schema, id AS name FROM tenants ORDER BY id"
        words = ("--targets-sql", query)
        assert everything == _names(migrate, *words, **url)
        chosen = _names(migrate, *words, "--select", "ring=canary", **url)
        assert {"7": "behind"} == chosen
    tier = _names(migrate, *words, "--select", "tier=2", "--select", "paid=true", **url)
    assert {"8": "behind"} == tier

    query = "SELECT place AS schema, ARRAY['tenant=' || id] AS x FROM tenants WHERE id < 9"
    assert {"t7": "behind", "t8": "behind"} == _names(migrate, "--targets-sql", query, **url)


def test_a_query_with_urls(project: Project, migrate: Migrate, databases: Databases) -> None:
    """The control database is another one, and is not changed."""
    project.table("r1", "one")
    project.declare()
    control, one, other = databases(3)
    control.query("CREATE TABLE tenants (name text, url text)")
    for name, database in (("one", one), ("other", other)):
        control.query(f"INSERT INTO tenants VALUES ('{name}', '{database.url}')")
    query = "SELECT url, name FROM tenants ORDER BY name DESC"
    done = migrate.run(
        "fleet", "--targets-sql", query, "--json", "--jobs", "1", DATABASE_URL=control.url
    )
    assert [("other", "applied"), ("one", "applied")] == [*outcomes(done).items()]
    assert [("tenants",)] == control.query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELEC 1", "--targets-sql failed in the control database: syntax error at or near"),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("CREATE TABLE a (id int)", "cannot execute CREATE TABLE in a read-only transaction"),
        ("SET search_path = a", "--targets-sql returns no rows: it has to be a query"),
        (" ", "--targets-sql returns no rows: it has to be a query"),
        ("SELECT 'a' AS name WHERE false", "--targets-sql names no target"),
        ("SELECT 1", "--targets-sql: 1 problem: row 1 has '?column?', which is none of name, url"),
        ("SELECT 'a' AS name", "--targets-sql: 1 problem: row 1 (a) names no database"),
        ("SELECT NULL AS name, 'x' AS x, 7 AS y", "row 1 has 'y', which is none of name"),
        ("SELECT 'a' AS schema FROM generate_series(1, 2)", "2 targets have the name 'a'"),
        ("SELECT current_setting('a.b')", 'unrecognized configuration parameter "a.b"'),
        ("SELECT '%s' || 'postgresql://u:canary%@h/d'::int", "invalid input syntax"),
    ],
)
def test_a_wrong_query_is_one_error(
    migrate: Migrate, database: Database, query: str, problem: str
) -> None:
    """Before any target is looked at; a write is refused by the server."""
    summary = _failure(migrate, "--targets-sql", query, DATABASE_URL=database.url)["summary"]
    assert problem in summary
    assert [(0,)] == database.query(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_source_that_does_not_answer_can_be_interrupted(
    migrate: Migrate, database: Database, number: signal.Signals
) -> None:
    """A query or a command that takes too long; the server is not left with the query."""
    sleep = "SELECT pg_sleep(300)::text AS name"
    program = f'import os, psycopg; psycopg.connect(os.environ["DATABASE_URL"]).execute("{sleep}")'
    asleep = f"FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '{database.name}'"
    url = {"DATABASE_URL": database.url}
    for words in (("--targets-sql", sleep), _python(program)):
        running = migrate.start("fleet", *words, **url)
        database.wait_until(asleep)
        running.signal(number)
        result = running.wait()
        assert (128 + number, "interrupted") == (result.exit_code, result.finished["outcome"])
        assert SECRET not in result.stdout + result.stderr
        if words[0] == "--targets-sql":
            database.wait_until(f"WHERE NOT EXISTS (SELECT {asleep})")


def test_a_command_ends_with_all_that_it_has_started(migrate: Migrate, tmp_path: Path) -> None:
    """A shell does not pass a signal on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = migrate.start("fleet", "--targets-command", f"sh -c 'sleep 300 > {fifo}; true'")
    # Opened by both; it is read to its end once nobody has it any more.
    with fifo.open("rb") as file:
        running.signal(signal.SIGTERM)
        result = running.wait()
        assert b"" == file.read()

    assert 143 == result.exit_code, result.stdout


def test_a_query_needs_a_database(migrate: Migrate) -> None:
    """One that can be reached."""
    missing = _failure(migrate, "--targets-sql", "SELECT 1")
    assert "no_database" == missing["error"]["reason"]
    variables = {"DATABASE_URL": "postgresql://u:canary%25@127.0.0.1:1/d"}
    result = migrate.run(
        "fleet", "--targets-sql", "SELECT 1", MIGRATE_WAIT_TIMEOUT="0", **variables
    )
    assert 69 == result.finished["exit_code"]
    assert SECRET not in result.stdout


def _python(program: str) -> tuple[str, str]:
    return "--targets-command", f"{sys.executable} -c '{program}'"


def test_a_command_prints_targets(project: Project, migrate: Migrate, databases: Databases) -> None:
    """In each of the forms; it has no standard input, and no shell."""
    project.table("r1", "one")
    (database,) = databases(1)
    (project.folder / "list").write_text(f"a {database.url}\n")
    assert {"a": "behind"} == _names(migrate, "--targets-command", "cat list")
    assert {"a": "behind"} == _names(
        migrate, *_python('import sys; print(sys.stdin.read() + open("list").read())')
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (_python('import sys; sys.exit("no such vault")'), "exited with code 1: no such vault."),
        (_python("raise SystemExit(7)"), "--targets-command exited with code 7: it said nothing."),
        (_python("import os; os.kill(os.getpid(), 9)"), "was terminated by signal 9: it said"),
        (_python('print("<html><p>Sign in</p></html>")'), "line 1 (<html><p>Sign) names no"),
        (_python("import sys; sys.stdout.buffer.write(bytes(range(256)))"), "is not valid UTF-8"),
        (_python('print("[1, 2")'), "--targets-command: not valid JSON: Expecting ',' delimiter"),
        (_python("pass"), "--targets-command names no target"),
        (("--targets-command", "no-such-program --all"), "cannot be started: no-such-program: No"),
        (("--targets-command", "/"), "cannot be started: /: Permission denied"),
        (
            _python(
                'import sys; print("postgresql://u:canary%@h/d", "password=canary%",'
                ' "PGPASSWORD: \\"canary%\\"", file=sys.stderr); sys.exit(3)'
            ),
            "exited with code 3: postgresql://u:***@h/d password=***",
        ),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_error(
    migrate: Migrate, words: tuple[str, str], problem: str
) -> None:
    """Of which what it says is a part, but for passwords."""
    assert problem in _failure(migrate, *words)["summary"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("'", "--targets-command cannot be read as a command: No closing quotation."),
        ("  ", "--targets-command is empty."),
    ],
)
def test_a_command_that_is_none(migrate: Migrate, command: str, problem: str) -> None:
    """The command line is wrong."""
    finished = migrate.run("fleet", "--targets-command", command).finished
    assert (64, True) == (finished["exit_code"], problem in finished["summary"])


def test_standard_input(project: Project, migrate: Migrate, databases: Databases) -> None:
    """`-`: as from a secret manager's command line."""
    project.table("r1", "one")
    (database,) = databases(1)
    lines = [json.dumps({"name": "a", "url": database.url}), "", "# nothing"]
    done = subprocess.run(
        [sys.executable, "-m", "migration_runner", "fleet", "--targets", "-", "--json"],
        cwd=project.folder,
        env={**migrate.environment, "MIGRATE_LOG_FORMAT": "json"},
        input="\r\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, {"applied": 1}) == (done.returncode, json.loads(done.stdout)["outcomes"])
    assert SECRET not in done.stdout + done.stderr


def test_one_source_at_a_time(migrate: Migrate) -> None:
    """Neither none nor two."""
    for words in ((), ("--targets", "a", "--targets-sql", "b"), ("--targets", "")):
        finished = migrate.run("fleet", *words).finished
        assert 64 == finished["exit_code"]
        assert "Name the targets by one of --targets FILE" in finished["summary"]


def test_a_schema_needs_a_database(migrate: Migrate, project: Project) -> None:
    """That of the settings."""
    (project.folder / "list").write_text("schema=a\n")
    finished = _failure(migrate, "--targets", "list")
    assert "no_database" == finished["error"]["reason"]
    assert finished["summary"].startswith("There are targets without a URL, and no database is")


def test_the_log_of_a_fleet_is_on_standard_output_without_json(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """As of a run; with --json, it makes room for the answer."""
    project.table("r1", "one")
    project.declare()
    (database,) = databases(1)
    (project.folder / "list").write_text(f"a {database.url}\n")
    first = migrate.run("fleet", "--targets", "list")
    assert ["run_started", "targets_seen", "target_finished", "run_finished"] == first.names
    assert "" == first.stderr
    second = migrate.run("fleet", "--targets", "list", "--json")
    assert ["run_started", "targets_seen"] == [each["event"] for each in log_of(second)]
    assert {"a": "up_to_date"} == outcomes(second)
