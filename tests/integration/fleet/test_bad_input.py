"""What is wrong is said before anything is touched, or is one target's failure."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.targets import Databases, add_schemas, answer, outcomes, write_targets

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
SECRET = "canary%"


@pytest.mark.parametrize("words", [(), ("--json",), ("--only", "a", "--only", "b")])
def test_one_database_under_two_names(
    project: Project, migrate: Migrate, database: Database, words: tuple[str, ...]
) -> None:
    """By two URLs, of which no text says that they are one."""
    project.table("r1", "one")
    other = database.url.replace("127.0.0.1", "localhost")
    targets = write_targets(project, f"a {database.url}", f"b {other}")
    result = migrate.run("fleet", "--targets", targets, *words, MIGRATE_LOG_FORMAT="json")
    log = result.stderr if "--json" in words else result.stdout
    message = (
        "The targets 'a' and 'b' have the same database and version table. Name each of them once."
    )
    assert 78 == result.exit_code
    assert message in log
    # No list of results, of which there are none.
    assert "not_started" not in result.stdout + result.stderr
    assert [(0,)] == database.query(TABLES)
    assert SECRET not in result.stdout + result.stderr


def test_one_schema_under_two_names(project: Project, migrate: Migrate, database: Database) -> None:
    """By the search_path, and by the role's own."""
    project.table("r1", "one")
    add_schemas(database, "tenant")
    database.query(f"ALTER ROLE {database.owner} SET search_path = tenant")
    targets = write_targets(project, f"a {database.url}", f"b {database.url} schema=tenant")
    result = migrate.run("fleet", "--targets", targets)
    assert (78, "same_place") == (result.exit_code, result.finished["error"]["reason"])


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        ("--only acm", 64, "There is no target 'acm' (did you mean acme?)."),
        ("--select rng=early", 64, "No target has the label 'rng=early' (did you mean ring=early"),
        ("--canary rng=early", 64, "No target has the label 'rng=early' (did you mean ring=early"),
        ("--canary 0", 64, "--canary must be a label, or a number of targets from 1"),
        ("--only bolt --select ring=early", 64, "None of the targets of --only has a label of"),
        ("--shard 2/2", 64, "--shard must be I/N, with I from 0 to N - 1 (it is '2/2')."),
        ("--max-failures 5.5%", 64, "--max-failures must be a number of targets, or a percentage"),
        ("--jobs 0", 64, "--jobs: must be more than 0"),
        ("--jobs-per-server none", 64, "--jobs-per-server"),
        ("--waves waves.yaml", 64, "No target has the label 'ring=late' (did you mean ring=early"),
        ("--waves wrong.yaml", 78, "--waves wrong.yaml: wave 1 has 'mach', which is none of name"),
        ("--waves missing.yaml", 78, "--waves missing.yaml: cannot be read: No such file or dir"),
        ("--html .", 78, "--html . cannot be written: Is a directory."),
        ("--html no/folder/page.html", 78, "cannot be written: No such file or directory."),
        ("--check", 64, "--check is a flag of `migrate fleet status`."),
        ("status --canary 1", 64, "--canary is no flag of `migrate fleet status`."),
        ("status --html page.html", 64, "--html is no flag of `migrate fleet status`."),
        ("stats", 64, "Unexpected argument 'stats': the only word is `status`."),
    ],
)  # fmt: skip
def test_a_wrong_command_line_touches_nothing(
    project: Project, migrate: Migrate, words: str, code: int, problem: str
) -> None:
    """The databases are not even looked at: these could not be."""
    project.table("r1", "one")
    (project.folder / "waves.yaml").write_text("waves: [{name: a, match: [ring=late]}]")
    (project.folder / "wrong.yaml").write_text("waves: [{name: a, mach: [ring=late]}]")
    nowhere = "postgresql://u:canary%25@127.0.0.1:1/d"
    targets = write_targets(project, f"acme {nowhere} ring=early", f"bolt {nowhere}2")
    result = migrate.run("fleet", "--targets", targets, *words.split())
    # After a wrong word, what it would answer is not known.
    last = json.loads((result.stdout or result.stderr).splitlines()[-1])
    assert ("run_finished", code) == (last["event"], result.exit_code)
    assert problem in last["summary"]
    touched = "" if words.startswith("stat") else " The database was not touched."
    assert last["summary"].endswith(touched)
    assert SECRET not in result.stdout + result.stderr


def test_an_empty_shard_is_a_success(project: Project, migrate: Migrate) -> None:
    """There can be more shards than targets, and each is a Job's pod."""
    project.table("r1", "one")
    targets = write_targets(project, "acme postgresql://127.0.0.1:1/d")
    codes = [
        migrate.run(
            "fleet", "--targets", targets, "--shard", f"{index}/2", MIGRATE_WAIT_TIMEOUT="0"
        )
        for index in range(2)
    ]
    assert [0, 69] == sorted(result.exit_code for result in codes)
    empty = next(result for result in codes if result.exit_code == 0)
    assert "0 targets: nothing to do." == empty.finished["summary"]


def test_what_is_wrong_with_one_target_is_its_own_failure(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """The others are migrated; each failure says what it is, and how to run it alone."""
    project.revision("r1", 'op.execute("CREATE TABLE one (id int)")')
    one, taken, missing = databases(3)
    taken.query("CREATE TABLE one (id int)")
    targets = write_targets(
        project,
        f"refused {missing.url.replace('canary', 'wrong')}",
        f"missing {missing.url}x",
        "gone postgresql://u:canary%25@127.0.0.1:1/d",
        f"taken {taken.url}",
        f"schema {missing.url} schema=nowhere",
        f"one {one.url}",
    )
    result = migrate.run("fleet", "--targets", targets, "--json", MIGRATE_WAIT_TIMEOUT="0")
    assert 78 == result.exit_code
    assert {
        "refused": "failed", "missing": "failed", "gone": "failed", "taken": "failed",
        "schema": "failed", "one": "applied",
    } == outcomes(result)  # fmt: skip
    found = {each["target"]: each for each in answer(result)["results"]}
    codes = {name: each["exit_code"] for name, each in found.items()}
    assert {
        "refused": 77, "missing": 77, "gone": 69, "taken": 1, "schema": 78, "one": 0
    } == codes, found  # fmt: skip
    assert 'relation "one" already exists' in found["taken"]["summary"]
    for name in codes.keys() - {"one"}:
        assert f"migrate fleet --targets {targets} --only {name}" == found[name]["command"]
    assert found["schema"]["summary"].startswith(
        "There is no schema 'nowhere', or the role may not"
    )
    assert SECRET not in result.stdout + result.stderr
    assert [] == missing.query("SELECT FROM pg_namespace WHERE nspname = 'nowhere'")


ELSEWHERE = """\
import sqlalchemy
from alembic import context

engine = sqlalchemy.create_engine(open("elsewhere").read())
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_an_env_py_that_connects_elsewhere(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """It would migrate one database again and again: each target fails, and nothing is changed."""
    project.table("r1", "one")
    one, other = databases(2)
    (project.folder / "elsewhere").write_text(one.url.replace("postgresql", "postgresql+psycopg"))
    project.write_env(ELSEWHERE)
    targets = write_targets(project, f"one {one.url}", f"other {other.url}")
    result = migrate.run("fleet", "--targets", targets, "--json")
    assert ({"one": "applied", "other": "failed"}, 78) == (outcomes(result), result.exit_code)
    assert [(0,)] == other.query(TABLES)
    assert SECRET not in result.stdout + result.stderr
