"""`migrate status`: image and database side by side, also when the database is down."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.terminal import run_on_terminal


@pytest.fixture(autouse=True)
def _two_revisions(project: Project) -> None:
    project.table("r1", "one")
    project.table("r2", "two")


def _facts(result: Result) -> dict[str, Any]:
    """Return the answer: standard output is one JSON document in a line, and nothing else."""
    (line,) = result.stdout.splitlines()
    facts: dict[str, Any] = json.loads(line)
    return facts


def _finished(result: Result) -> dict[str, Any]:
    """Return the last line of the log, which is beside the answer."""
    last: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
    assert ("run_finished", result.exit_code) == (last["event"], last["exit_code"])
    return last


def test_an_empty_database(any_database: Database, migrate: Migrate) -> None:
    result = migrate.run("status", DATABASE_URL=any_database.url, MIGRATE_BUILD="v7")

    assert (0, "") == (result.exit_code, result.stderr)
    facts = _facts(result)
    server = facts["database"].pop("server_version")
    assert str(any_database.server.major) == server.partition(".")[0]
    assert isinstance(facts["run_lock"].pop("key"), int)
    assert {
        "image": {"build": "v7", "heads": ["r2"], "revisions": 2, "target": "head"},
        "database": {
            "name": any_database.name,
            "version_table": "public.alembic_version",
            "heads": [],
        },
        "relation": "behind",
        "pending": ["r1", "r2"],
        "unknown": [],
        "edited": [],
        "run_lock": {"holder": None},
        "last_run": None,
        "ledger": [],
    } == facts
    assert [(None, None)] == any_database.query(
        "SELECT to_regclass('alembic_version')::text, to_regclass('migration_runner.ledger')::text"
    )


def test_what_the_last_run_has_done(database: Database, migrate: Migrate) -> None:
    migrate.run("upgrade", "r1", DATABASE_URL=database.url, MIGRATE_BUILD="v1")
    ran = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="v2")

    facts = _facts(migrate.run("status", "--json", DATABASE_URL=database.url))

    last = facts["last_run"]
    ((started,),) = database.query(
        "SELECT started_at FROM migration_runner.ledger WHERE revision = 'r2'"
    )
    assert {
        "run_id": ran.finished["run_id"],
        "build": "v2",
        "host": socket.gethostname(),
        "role": database.owner,
        "direction": "upgrade",
        "revisions": ["r2"],
    } == {name: last[name] for name in last if name != "started_at"}
    assert last["started_at"] == facts["ledger"][0]["started_at"]
    assert last["started_at"].startswith(f"{started:%Y-%m-%d}")
    rows = [(row["revision"], row["build"], row["message"]) for row in facts["ledger"]]
    assert [("r2", "v2", "r2 does its work."), ("r1", "v1", "r1 does its work.")] == rows


def test_the_ledgers_last_lines_are_five(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for number in range(3, 9):
        project.revision(f"r{number}")
    migrate.run(DATABASE_URL=database.url)

    facts = _facts(migrate.run("status", DATABASE_URL=database.url))

    assert ["r8", "r7", "r6", "r5", "r4"] == [row["revision"] for row in facts["ledger"]]


@pytest.mark.parametrize(
    ("relation", "exit_code"),
    [("behind", 3), ("at head", 0), ("ahead", 0), ("diverged", 65), ("unproved", 65)],
)
def test_every_relation_and_its_exit_code(
    database: Database, project: Project, migrate: Migrate, relation: str, exit_code: int
) -> None:
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    if relation in ("at head", "ahead"):
        migrate.run(DATABASE_URL=database.url)
    if relation == "ahead":
        (project.versions / "r2.py").unlink()
    if relation == "unproved":
        database.query("UPDATE alembic_version SET version_num = 'r9'")
    if relation == "diverged":
        other, ours = project.revision("r9", down="r1"), project.versions / "r2.py"
        ours.rename(project.folder / "r2.py")
        migrate.run(DATABASE_URL=database.url)
        other.unlink()
        (project.folder / "r2.py").rename(ours)
    unknown = {"ahead": ["r2"], "diverged": ["r9"], "unproved": ["r9"]}.get(relation, [])

    plain = migrate.run("status", DATABASE_URL=database.url)
    checked = migrate.run("status", "--check", DATABASE_URL=database.url)

    assert (0, exit_code) == (plain.exit_code, checked.exit_code)
    for result in (plain, checked):
        facts = _facts(result)
        assert (relation, unknown) == (facts["relation"], facts["unknown"])
        assert (["r2"] if relation == "behind" else []) == facts["pending"]
    if exit_code:
        kind = "PendingRevisions" if exit_code == 3 else "HistoryError"
        assert kind == _finished(checked)["error"]["kind"]


def test_ahead_is_wrong_where_somebody_says_so(
    database: Database, project: Project, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)
    (project.versions / "r2.py").unlink()

    result = migrate.run("status", "--check", "--on-ahead", "fail", DATABASE_URL=database.url)

    assert (65, "ahead") == (result.exit_code, _facts(result)["relation"])


def test_a_target_below_the_head_is_enough(database: Database, migrate: Migrate) -> None:
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)

    result = migrate.run("status", "--check", "--target", "r1", DATABASE_URL=database.url)

    assert 0 == result.exit_code
    assert ("behind", []) == (_facts(result)["relation"], _facts(result)["pending"])


def test_the_holder_of_the_lock_is_shown_while_it_works(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r3", 'op.execute("SELECT pg_sleep(3600)")')
    running = migrate.start(DATABASE_URL=database.url)
    run_id = running.wait_for_event("revision_started", revision="r3")["run_id"]

    facts = _facts(migrate.run("status", DATABASE_URL=database.url))
    screen = run_on_terminal(project, migrate, "status", DATABASE_URL=database.url)

    name = f"migrate {run_id} {socket.gethostname()}"
    assert name == facts["run_lock"]["holder"]["application_name"]
    assert f"run lock {name} (pid {facts['run_lock']['holder']['pid']})" in _joined(screen.text)
    assert (["r2"], ["r3"]) == (facts["database"]["heads"], facts["pending"])
    running.kill()


def test_with_the_database_down_the_image_is_shown_at_once(
    migrate: Migrate, proxy: Proxy, project: Project
) -> None:
    """One attempt, however long a run would wait."""
    proxy.close()
    url = f"postgresql://owner:canary@127.0.0.1:{proxy.port}/shop"

    result = migrate.run("status", DATABASE_URL=url, MIGRATE_WAIT_TIMEOUT="1h")
    screen = run_on_terminal(project, migrate, "status", DATABASE_URL=url)

    assert (69, 69) == (result.exit_code, screen.exit_code)
    facts = _facts(result)
    assert {"build": None, "heads": ["r2"], "revisions": 2, "target": "head"} == facts["image"]
    assert (None, None) == (facts["database"], facts["relation"])
    assert "DatabaseUnavailable" == facts["error"]["kind"]
    assert "Connection refused" in facts["error"]["message"]
    attempts = [json.loads(line) for line in result.stderr.splitlines()]
    assert ["database_unavailable", "run_finished"] == [line["event"] for line in attempts]
    assert "image     r2 (2 revisions)\ndatabase  unreachable: The database" in screen.text
    assert "canary" not in result.stdout + result.stderr + screen.text


def test_a_wrong_password(database: Database, migrate: Migrate) -> None:
    result = migrate.run("status", DATABASE_URL=database.url.replace("canary", "wrong-canary"))

    assert (77, "DatabaseRejected") == (result.exit_code, _facts(result)["error"]["kind"])
    assert ["r2"] == _facts(result)["image"]["heads"]
    assert "canary" not in result.stdout + result.stderr


def test_every_version_table_of_env_py(
    database: Database, project: Project, migrate: Migrate
) -> None:
    both = ENV_PY.replace(
        "def run_migrations(connection):\n",
        "def run_migrations(connection):\n    for table in ('first', 'second'):\n"
        "        run_one(connection, table)\n\n\ndef run_one(connection, table):\n",
    ).replace("connection=connection,", "connection=connection, version_table=table,", 1)
    project.write_env(both)
    database.query("CREATE TABLE second (version_num text); INSERT INTO second VALUES ('r2')")

    result = migrate.run("status", "--check", DATABASE_URL=database.url)
    screen = run_on_terminal(project, migrate, "status", DATABASE_URL=database.url)

    # One that is behind is enough.
    assert 3 == result.exit_code
    first, (second,) = _facts(result), _facts(result)["further"]
    assert ("public.first", "behind") == (first["database"]["version_table"], first["relation"])
    assert ("public.second", "at head") == (second["database"]["version_table"], second["relation"])
    assert first["run_lock"]["key"] != second["run_lock"]["key"]
    assert ["state     behind", "state     at head"] == [
        line for line in screen.text.splitlines() if line.startswith("state ")
    ]


def test_on_a_terminal_it_is_a_few_lines(
    database: Database, project: Project, migrate: Migrate
) -> None:
    migrate.run("upgrade", "r1", DATABASE_URL=database.url, MIGRATE_BUILD="v1")

    screen = run_on_terminal(project, migrate, "status", DATABASE_URL=database.url)

    assert 0 == screen.exit_code
    lines = screen.text.splitlines()
    assert ["image     r2 (2 revisions)", "state     behind", "pending   1: r2"] == [
        lines[0],
        *lines[2:4],
    ]
    assert lines[1].startswith(f"database  r1 ({database.name}, public.alembic_version, PostgreSQL")
    assert f"on {socket.gethostname()}, build v1, 20" in _joined(screen.text)
    assert "#  when (UTC)           what     revision  took" in lines
    assert "message: r1 does its work." in _joined(screen.text)
    assert [] == [line for line in lines if len(line) > 80]


def _joined(text: str) -> str:
    """Return what was wrapped in one line."""
    return " ".join(text.split())


def test_what_env_py_prints_is_not_in_the_answer(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(ENV_PY + '\nimport os\nprint("hello")\nos.system("echo from a child")\n')

    result = migrate.run("status", DATABASE_URL=database.url, MIGRATE_LOG_LEVEL="info")

    assert "behind" == _facts(result)["relation"]
    assert "hello" in [json.loads(x)["event"] for x in result.stderr.splitlines() if x[0] == "{"]
    assert "from a child" in result.stderr.splitlines()


def test_several_heads_are_shown_with_the_database(
    database: Database, project: Project, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)
    project.revision("r3", down="r1")

    shown = migrate.run("status", DATABASE_URL=database.url)
    checked = migrate.run("status", "--check", DATABASE_URL=database.url)
    run = migrate.run(DATABASE_URL=database.url)

    facts = _facts(shown)
    assert 0 == shown.exit_code, shown.stderr
    assert (["r2"], "behind", ["r3"]) == (
        facts["database"]["heads"],
        facts["relation"],
        facts["pending"],
    )
    assert "has 2 heads" in facts["image"]["error"]
    assert [65, 65] == [checked.exit_code, run.exit_code]
    assert "several_heads" == _finished(checked)["error"]["reason"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [({}, 0), ({"MIGRATE_CHECKSUM": "fail"}, 65), ({"MIGRATE_CHECKSUM": "off"}, 0)],
)
def test_edited_revisions(
    database: Database, project: Project, migrate: Migrate, settings: dict[str, str], code: int
) -> None:
    migrate.run(DATABASE_URL=database.url)
    path = project.versions / "r1.py"
    path.write_text(path.read_text() + "\n\ndef more():\n    return 1\n")

    checked = migrate.run("status", "--check", DATABASE_URL=database.url, **settings)
    run = migrate.run(DATABASE_URL=database.url, **settings)

    edited = [] if settings.get("MIGRATE_CHECKSUM") == "off" else ["r1"]
    assert edited == _facts(checked)["edited"]
    assert [code, code] == [checked.exit_code, run.exit_code]


def test_a_required_ledger_that_cannot_be_made(database: Database, migrate: Migrate) -> None:
    with database.server.connect() as admin:
        admin.execute(f"REVOKE CREATE ON DATABASE {database.name} FROM {database.owner}".encode())
    settings = {"DATABASE_URL": database.url, "MIGRATE_LEDGER": "require"}

    codes = [migrate.run(*words, **settings).exit_code for words in (["status", "--check"], [])]

    assert [77, 77] == codes


def test_of_several_version_tables_the_worst_comes_first(
    database: Database, project: Project, migrate: Migrate
) -> None:
    env = (
        "from alembic import context\nconnection = context.config.attributes['connection']\n"
        "for table in {tables}:\n"
        "    context.configure(connection=connection, version_table=table)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    for name in ("r1", "r2"):
        (project.versions / f"{name}.py").unlink()
    project.revision("r1", down=None)
    project.write_env(env.format(tables=["good"]))
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    project.write_env(env.format(tables=["good", "bad"]))

    facts = _facts(migrate.run("status", DATABASE_URL=database.url))

    assert ("behind", "public.bad") == (facts["relation"], facts["database"]["version_table"])
    [other] = facts["further"]
    assert ("at head", "public.good") == (other["relation"], other["database"]["version_table"])
