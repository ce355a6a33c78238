"""Somebody else's migration command, as it is, under the run lock."""

from __future__ import annotations

import json
import sys

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

ALEMBIC = ("--", sys.executable, "-m", "alembic")
UPGRADE = (*ALEMBIC, "upgrade", "head")


def _python(code: str) -> tuple[str, ...]:
    return "--", sys.executable, "-c", code


def test_plain_alembic_is_run_and_reported(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.table("r2", "two")

    first = migrate.run("exec", *UPGRADE, DATABASE_URL=any_database.url)
    second = migrate.run("exec", *UPGRADE, DATABASE_URL=any_database.url)

    assert [0, 0] == [first.exit_code, second.exit_code], first.stdout
    assert "applied" == first.finished["outcome"]
    assert ["r1", "r2"] == [each["revision"] for each in first.finished["applied"]]
    assert ([], ["r2"]) == (first.finished["from_revisions"], first.finished["to_revisions"])
    assert "up_to_date" == second.finished["outcome"]
    assert [] == second.finished["applied"]
    assert ["run_lock_acquired", "command_started", "command_ended"] == [
        name for name in first.names if name.startswith(("run_lock", "command"))
    ]
    assert 0 == first.of("command_ended")[0]["command_exit_code"]


def test_what_the_command_has_applied_is_adopted(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url)
    project.table("r2", "two")

    result = migrate.run("exec", *UPGRADE, DATABASE_URL=database.url)

    rows = database.query(
        "SELECT direction, revision, run_id, file FROM migration_runner.ledger ORDER BY sequence"
    )
    assert ("adopted", "r2", result.finished["run_id"], "r2.py") == rows[1]
    assert [("upgrade", "r1")] == [row[:2] for row in rows[:1]]
    assert 2 == len(rows)


def test_the_second_of_two_waits_for_the_first(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    waits = (
        "import pathlib, subprocess, sys, time\n"
        "print('here', flush=True)\n"
        "while not pathlib.Path('gate').exists(): time.sleep(0.02)\n"
        "subprocess.run([sys.executable, '-m', 'alembic', 'upgrade', 'head'], check=True)\n"
    )
    first = migrate.start("exec", *_python(waits), DATABASE_URL=database.url)
    first.wait_for_event("here")
    second = migrate.start("exec", *UPGRADE, DATABASE_URL=database.url)
    holder = second.wait_for_event("run_lock_busy")["holder"]

    (project.folder / "gate").touch()

    results = [first.wait(), second.wait()]
    assert [0, 0] == [result.exit_code for result in results], results
    assert ["applied", "up_to_date"] == [result.finished["outcome"] for result in results]
    assert results[0].finished["run_id"] in holder["application_name"]
    # Read under the lock, not before.
    assert ["r1"] == results[1].finished["from_revisions"]


def test_a_run_of_ours_waits_for_a_command_and_the_other_way_round(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Also without an `alembic.ini` where the command is run: the key is the default table's."""
    project.table("r1", "one")
    waits = (
        "import pathlib, time\nprint('here', flush=True)\n"
        "while not pathlib.Path('gate').exists(): time.sleep(0.02)"
    )
    command = migrate.start("exec", *_python(waits), DATABASE_URL=database.url)
    command.wait_for_event("here")
    ours = migrate.start(DATABASE_URL=database.url)
    ours.wait_for_event("run_lock_busy")

    (project.folder / "gate").touch()

    assert 0 == command.wait().exit_code
    assert "applied" == ours.wait().finished["outcome"]


def test_the_commands_lines_are_events_without_secrets(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    code = (
        "import os, sys; print('to', os.environ['DATABASE_URL'], flush=True);"
        f" print({CANARY!r}, file=sys.stderr); sys.stdout.buffer.write(b'\\xff, no end')"
    )

    result = migrate.run("exec", *_python(code), DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "canary" not in result.stdout + result.stderr
    said = [event for event in result.events if event.get("logger", "").startswith("command")]
    assert {"command.stdout", "command.stderr"} == {event["logger"] for event in said}
    assert {result.finished["run_id"]} == {event["run_id"] for event in said}
    assert "***" in [event["event"] for event in said]
    assert "\\xff, no end" in [event["event"] for event in said]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(7)", "exited with code 7"),
        ("import os, signal; os.kill(os.getpid(), 9)", "was terminated by signal 9"),
    ],
)
def test_a_command_that_fails(
    database: Database, project: Project, migrate: Migrate, code: str, words: str
) -> None:
    """What it has applied before is told."""
    project.table("r1", "one")
    upgrade = "import alembic.config as c; c.main(['upgrade', 'head']);"

    result = migrate.run("exec", *_python(upgrade + code), DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert words in result.finished["summary"]
    assert "applied 1 revision; the database is at r1." in result.finished["summary"]
    error = result.finished["error"]
    assert ("command_failed", -9 if "signal" in words else 7) == (
        error["reason"],
        error["command_exit_code"],
    )
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert [("adopted", "r1")] == database.query(
        "SELECT direction, revision FROM migration_runner.ledger"
    )


def test_without_a_configuration_nothing_is_said_of_the_database(
    database: Database, project: Project, migrate: Migrate
) -> None:
    (project.folder / "alembic.ini").unlink()

    well = migrate.run("exec", *_python("pass"), DATABASE_URL=database.url)
    badly = migrate.run("exec", *_python("raise SystemExit(2)"), DATABASE_URL=database.url)

    assert (0, "applied") == (well.exit_code, well.finished["outcome"])
    assert "The command succeeded" in well.finished["summary"]
    assert 1 == badly.exit_code
    assert "is not known" in badly.finished["summary"]


@pytest.mark.parametrize("arguments", [(), ("--",), ("--", "no-such-command"), ("--", "/")])
def test_no_command(
    database: Database, project: Project, migrate: Migrate, arguments: tuple[str, ...]
) -> None:
    project.revision("r1")

    result = migrate.run("exec", *arguments, DATABASE_URL=database.url)

    assert 64 == result.exit_code, result.stdout
    assert {"kind": "UsageError"} == result.finished["error"]


def test_the_commands_own_flags_are_its_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    (project.folder / "alembic.ini").rename(project.folder / "other.ini")

    result = migrate.run(
        *("exec", "-c", "other.ini", "--run-lock-timeout", "5s"),
        *(*ALEMBIC, "-c", "other.ini", "upgrade", "head", "--tag=x"),
        DATABASE_URL=database.url,
    )

    assert 0 == result.exit_code, result.stdout
    assert ["r1"] == result.finished["to_revisions"]


@pytest.mark.parametrize("as_file", ["", "_FILE"])
def test_the_runners_own_url_reaches_the_command(
    database: Database, project: Project, migrate: Migrate, as_file: str
) -> None:
    project.revision("r1")
    secret = project.folder / "url"
    secret.write_text(database.url + "\n")
    code = (
        "import json, os, pathlib; pathlib.Path('seen').write_text(json.dumps("
        "{name: os.environ[name] for name in os.environ if name.startswith('DATABASE_')}))"
    )
    own = {f"MIGRATE_DATABASE_URL{as_file}": str(secret) if as_file else database.url}

    result = migrate.run("exec", *_python(code), DATABASE_URL_FILE="/nowhere/url", **own)

    assert 0 == result.exit_code, result.stdout
    seen = json.loads((project.folder / "seen").read_text())
    assert {"DATABASE_URL": database.url} == seen
