"""What a run tells: one stream, one format, the result last, and never a secret."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

LOGGING_INI = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = DEBUG
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""


@pytest.fixture
def termination_log(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


def test_the_result_has_everything(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")

    finished = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="7").finished

    assert {
        "outcome",
        "exit_code",
        "from_revisions",
        "to_revisions",
        "applied",
        "waited_for_database_seconds",
        "waited_for_run_lock_seconds",
        "server_version",
        "runner_version",
        "build",
        "run_id",
        "summary",
        "duration_seconds",
    } <= finished.keys()


def test_the_termination_message_is_a_sentence_and_the_result(
    database: Database, project: Project, migrate: Migrate, termination_log: Path
) -> None:
    project.table("r1", "one")
    termination_log.write_text("what was there before, and longer than what comes" * 90)

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_TERMINATION_LOG=str(termination_log))

    sentence, facts, *rest = termination_log.read_text().splitlines()
    assert [] == rest
    assert result.finished["summary"] == sentence
    assert "applied" == json.loads(facts)["outcome"]
    assert result.finished["run_id"] == json.loads(facts)["run_id"]


def test_a_long_termination_message_is_cut_to_what_kubernetes_keeps(
    database: Database, project: Project, migrate: Migrate, termination_log: Path
) -> None:
    for number in range(120):
        project.revision(f"revision_{number:03}")
    project.revision("broken", f"raise ValueError('ü' * {20_000})")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_TERMINATION_LOG=str(termination_log))

    assert 1 == result.exit_code
    message = termination_log.read_bytes()
    assert len(message) <= 4096
    sentence, facts, *_ = message.decode().splitlines()
    assert sentence.startswith("Revision broken failed")
    assert "failed" == json.loads(facts)["outcome"]


@pytest.mark.parametrize("place", ["/nowhere/log", "/proc/version", "."])
def test_a_termination_message_that_cannot_be_written_fails_nothing(
    database: Database, project: Project, migrate: Migrate, place: str
) -> None:
    project.table("r1", "one")

    assert 0 == migrate.run(DATABASE_URL=database.url, MIGRATE_TERMINATION_LOG=place).exit_code


def test_a_device_has_no_termination_message_to_cut(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    variables = {"MIGRATE_TERMINATION_LOG": "/dev/null", "MIGRATE_LOG_LEVEL": "debug"}
    result = migrate.run(DATABASE_URL=database.url, **variables)

    assert 0 == result.exit_code
    assert [] == result.of("cleanup_failed")


def test_everybodys_records_come_out_in_one_stream(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Also when env.py replaces the root logger's handlers, as most do."""
    (project.folder / "logging.ini").write_text(LOGGING_INI)
    project.write_env(
        "from logging.config import fileConfig\n"
        "from pathlib import Path\n"
        'fileConfig(Path(__file__).parents[1] / "logging.ini")\n' + ENV_PY
    )
    project.revision(
        "r1",
        """\
        import logging, warnings
        logging.getLogger("shop").warning("a record of %s", "ours")
        print("a print")
        print("unfinished", end="")
        warnings.warn("a warning")
        op.execute("DO $$ BEGIN RAISE NOTICE 'a notice'; END $$")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url, PYTHONWARNINGS="default")

    assert 0 == result.exit_code, result.stdout
    assert {"a record of ours", "a print", "unfinished"} <= set(result.names)
    assert any("a warning" in name for name in result.names)
    assert "" == result.stderr


def test_statements_with_their_durations_at_debug(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_LOG_LEVEL="debug")

    (event,) = (
        event
        for event in result.of("statement_executed")
        if event["statement"] == "CREATE TABLE one (id bigint)"
    )
    assert event["duration_seconds"] > 0


def test_quiet_still_ends_with_the_result(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_LOG_LEVEL="error")

    assert ["run_finished"] == result.names


@pytest.mark.parametrize(
    "spoiler",
    [
        "raise ValueError(op.get_bind().engine.url, CANARY)",
        "raise SystemExit(CANARY)",
        "print(CANARY)",
        "import logging; logging.getLogger().error(CANARY)",
        'op.execute("SELECT 1/0 -- " + CANARY)',
        "op.execute(sa.text('SELECT CAST(:p AS integer)').bindparams(p=CANARY))",
        "import warnings; warnings.warn(CANARY)",
    ],
)
def test_the_password_is_seen_nowhere(
    database: Database, project: Project, migrate: Migrate, termination_log: Path, spoiler: str
) -> None:
    """Not even when a revision does its best to show it."""
    project.revision("r1", f"CANARY = {CANARY!r}\n{spoiler}")

    running = migrate.start(
        DATABASE_URL=database.url,
        MIGRATE_LOG_LEVEL="debug",
        MIGRATE_TERMINATION_LOG=str(termination_log),
    )
    result = running.wait()

    assert result.finished
    told = result.stdout + result.stderr + termination_log.read_text()
    assert "canary" not in told, told


def test_the_password_is_not_in_the_process_list(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", 'print("here")\nop.execute("SELECT pg_sleep(3600)")')
    command = [migrate.python, "-m", "migration_runner"]
    running = migrate.start_command(command, DATABASE_URL=database.url)
    running.wait_for_event("here")

    shown = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()

    assert b"migration_runner" in shown
    assert b"canary" not in shown
    running.kill()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("run.database_state", "DatabaseState.heads"),
        ("database.session", "ServerFacts"),
        ("ledger.keeper", "ledger_access"),
        ("project.alembic_project", "delegate_steps"),
    ],
)
def test_a_bug_of_ours_is_reported_with_its_traceback(
    module: str, name: str, database: Database, project: Project, migrate: Migrate
) -> None:
    """Whatever escapes, the last line is the result: here a fault that is planted in a room."""
    project.table("r1", "one")
    planted = project.folder / "sitecustomize.py"
    planted.write_text(f"import migration_runner.{module} as module\nmodule.{name} = None\n")
    path = f"{project.folder}{os.pathsep}{migrate.environment['PYTHONPATH']}"

    result = migrate.run(DATABASE_URL=database.url, PYTHONPATH=path)

    assert 70 == result.exit_code, result.stdout
    assert "a bug in the migration runner" in result.finished["summary"]
    assert any("Traceback" in event.get("exception", "") for event in result.events)


def test_an_env_that_fails_shows_where(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env("import shop_settings\n")

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    assert "No module named 'shop_settings'" in result.finished["summary"]
    (event,) = result.of("env_failed")
    assert 'env.py", line 1' in event["exception"]


def test_a_terminal_gets_sentences(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "migration_runner"],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url},
        stdout=theirs,
    )
    os.close(theirs)
    text = ""
    try:
        # Linux: the other side of the terminal is closed.
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                text += data.decode()
        process.wait(60)
    finally:
        process.kill()
        process.wait(60)
        os.close(ours)

    assert "✓ Applied 1 revision" in text
    assert "{" not in text


def test_a_closed_standard_output_costs_no_more_than_the_log(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Its number must not become a socket's: more lines than one of those takes."""
    project.revision("r1", "for _ in range(30000):\n    print('y' * 100)")
    command = f"{sys.executable} -m migration_runner >&-"
    environment = {**migrate.environment, "DATABASE_URL": database.url}

    done = subprocess.run(  # noqa: S602 - our own arguments
        command,
        shell=True,
        cwd=project.folder,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert [("r1",)] == database.query("SELECT version_num FROM alembic_version")


def test_a_revision_can_use_standard_output_as_a_file(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision(
        "r1",
        """
        import subprocess, sys
        sys.stdout.buffer.write(b"bytes\\n")
        sys.stdout.encoding.lower()
        subprocess.run(["echo", '{"event": "child"}'], stdout=sys.stdout, check=True)
        print("no end", end="")
        raise RuntimeError("on purpose")
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert "on purpose" in result.finished["summary"]
    assert {"bytes", "child", "no end"} <= set(result.names)


def test_a_very_long_error_is_cut(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("r1", "raise RuntimeError('y' * 3_000_000)")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert len(result.stdout) < 60_000


def test_descriptors_that_env_py_closes(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """As daemons do: the process ends with what it has reported."""
    project.write_env("import os\nos.closerange(3, 1024)\n" + ENV_PY)
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.finished["exit_code"], result.stdout
    assert "" == result.stderr


def test_an_environment_in_which_something_is_missing(
    project: Project, migrate: Migrate, tmp_path: Path
) -> None:
    """Without the log, too, the last line is the result, and secrets are hidden."""
    (tmp_path / "structlog").mkdir()
    broken = tmp_path / "structlog" / "__init__.py"
    broken.write_text("raise ImportError('postgresql://x:canary@db lacks 7canary7')\n")
    path = f"{tmp_path}{os.pathsep}{migrate.environment['PYTHONPATH']}"
    command = [migrate.python, "-m", "migration_runner"]
    project.revision("r1")

    result = migrate.start_command(command, PYTHONPATH=path, SHOP_TOKEN="7canary7").wait()

    assert 70 == result.exit_code
    assert "Traceback" in result.stderr
    assert "canary" not in result.stdout + result.stderr
    assert "The runner cannot start: ImportError" in result.finished["summary"]


def test_thousands_of_revisions_fit_into_the_last_line(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for number in range(300):
        project.revision(f"a_revision_with_a_long_name_{number:04}")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_LOG_LEVEL="warning")

    assert 16_384 >= max(map(len, result.stdout.splitlines(keepends=True)))
    finished = result.finished
    assert 300 == len(finished["applied"]) + finished["cut"]["applied"]
    assert database.query("SELECT count(*) FROM migration_runner.ledger") == [(300,)]
