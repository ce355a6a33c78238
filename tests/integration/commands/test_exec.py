"""Somebody else's migration command, as it is, under the run lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

# Needs what only its launcher sets.
LAUNCHED_ENV = f"import os\nassert os.environ['LAUNCHED']\n{ENV_PY}"
LAUNCH = ("--", "env", "LAUNCHED=1", sys.executable, "-m", "alembic")
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


def test_an_env_that_needs_its_launcher_is_read_from_the_version_table(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(LAUNCHED_ENV)
    project.table("r1", "one")
    upgrade = (*LAUNCH, "upgrade", "head")

    first = migrate.run("exec", *upgrade, DATABASE_URL=database.url)
    second = migrate.run("exec", *upgrade, DATABASE_URL=database.url)

    assert [0, 0] == [first.exit_code, second.exit_code], first.stdout
    assert ["applied", "up_to_date"] == [each.finished["outcome"] for each in (first, second)]
    assert ["r1"] == [each["revision"] for each in first.finished["applied"]]
    assert ["Up to date: the database is at r1."] == [second.finished["summary"]]
    assert [("adopted", "r1")] == database.query(
        "SELECT direction, revision FROM migration_runner.ledger"
    )
    [skipped] = first.of("env_skipped")
    assert [f"public.alembic_version in {database.name}"] == skipped["version_tables"]
    assert "LAUNCHED" in skipped["detail"]
    assert [] == [event for event in first.events if event["level"] in ("warning", "error")]


def test_the_version_table_that_the_ledger_knows_is_the_one_that_is_read(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """And the lock is its lock."""
    env = ENV_PY.replace("connection=connection", "connection=connection, version_table='ours'")
    project.write_env(env)
    project.table("r1", "one")
    ours = migrate.run(DATABASE_URL=database.url)
    assert 0 == ours.exit_code, ours.stdout
    project.write_env(LAUNCHED_ENV.replace(ENV_PY, env))
    project.table("r2", "two")

    result = migrate.run("exec", *LAUNCH, "upgrade", "head", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert (["r1"], ["r2"]) == (
        result.finished["from_revisions"],
        result.finished["to_revisions"],
    )
    assert ours.of("run_lock_acquired")[0]["key"] == result.of("run_lock_acquired")[0]["key"]


def test_without_a_history_the_heads_are_all_that_is_said(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.table("r2", "two")
    (project.folder / "alembic.ini").rename(project.folder / "other.ini")
    alembic = (*ALEMBIC, "-c", "other.ini", "upgrade")

    first = migrate.run("exec", *alembic, "r1", DATABASE_URL=database.url)
    second = migrate.run("exec", *alembic, "r1", DATABASE_URL=database.url)
    third = migrate.run(
        *("exec", "--", "sh", "-c", '"$@"; exit 3', "sh"),
        *(*alembic[1:], "head"),
        DATABASE_URL=database.url,
    )

    runs = (first.finished, second.finished, third.finished)
    assert ["applied", "up_to_date", "failed"] == [each["outcome"] for each in runs]
    assert [([], ["r1"]), (["r1"], ["r1"]), (["r1"], ["r2"])] == [
        (each["from_revisions"], each["to_revisions"]) for each in runs
    ]
    assert first.finished["summary"].endswith(" s: base -> r1.")
    assert third.finished["summary"].endswith("The database was at r1; it is at r2.")
    assert [[], [], []] == [each["applied"] for each in runs]


def test_a_command_that_undoes_revisions_has_not_left_everything_as_it_was(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url)

    result = migrate.run("exec", *ALEMBIC, "downgrade", "base", DATABASE_URL=database.url)

    assert (0, "applied") == (result.exit_code, result.finished["outcome"])
    assert result.finished["summary"].endswith(" s: r1 -> base.")


def test_without_the_lock(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")

    result = migrate.run("exec", *UPGRADE, DATABASE_URL=database.url, MIGRATE_RUN_LOCK="off")

    assert (0, "applied") == (result.exit_code, result.finished["outcome"])
    assert [] == result.of("run_lock_acquired")


def test_the_commands_input_is_its_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """And so is whatever else was opened for it, as by `<(...)`."""
    project.revision("r1")
    reader, writer = os.pipe()
    os.write(writer, b"a line of another\n")
    os.close(writer)

    result = subprocess.run(  # noqa: S603 - our own arguments
        [
            *(sys.executable, "-m", "migration_runner"),
            "exec",
            "--",
            "cat",
            "-",
            f"/dev/fd/{reader}",
        ],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url},
        input="a line of input\n",
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[reader],
    )
    os.close(reader)

    names = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert 0 == result.returncode, result.stdout
    assert ["a line of input", "a line of another"] == [
        name for name in names if name.startswith("a line")
    ]
