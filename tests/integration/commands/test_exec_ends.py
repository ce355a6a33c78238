"""A command under the run lock ends when its lock, its runner or somebody's patience does."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Running

# Says its process id, and stays.
STAY = """
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
print("here", flush=True)
time.sleep(3600)
"""
STUBBORN = f"""
import os, signal
# Not print, which it may interrupt.
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"heard\\n"))
{STAY}"""
POLITE = f"""
import os, signal
def end(number, frame):
    import alembic.config
    alembic.config.main(["upgrade", "head"])
    os.write(1, b"ended by %d\\n" % number)
    raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
{STAY}"""
HOLDER = (
    "FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory'"
    " AND a.datname = current_database()"
)


@pytest.fixture(autouse=True)
def _one_revision(project: Project) -> None:
    project.table("r1", "one")


def _start(migrate: Migrate, database: Database, code: str) -> Running:
    running = migrate.start("exec", "--", sys.executable, "-c", code, DATABASE_URL=database.url)
    running.wait_for_event("here")
    return running


def _assert_gone(project: Project) -> None:
    """Assert that the command has ended, or does so at once. A zombie has."""
    status = Path("/proc") / (project.folder / "pid").read_text() / "status"
    deadline = time.monotonic() + 60
    while status.exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < deadline, "the command lives"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_and_the_command_ends_by_itself(
    database: Database, project: Project, migrate: Migrate, number: signal.Signals
) -> None:
    """What it does until then is told."""
    running = _start(migrate, database, POLITE)

    running.signal(number)

    result = running.wait()
    assert 128 + number == result.exit_code, result.stdout
    assert "interrupted" == result.finished["outcome"]
    assert f"ended by {number}" in result.names
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert "applied 1 revision; the database is at r1." in result.finished["summary"]
    _assert_gone(project)
    assert [] == database.query(f"SELECT 1 {HOLDER}")


def test_a_second_signal_ends_a_command_that_does_not_listen(
    database: Database, project: Project, migrate: Migrate
) -> None:
    running = _start(migrate, database, STUBBORN)

    running.signal(signal.SIGTERM)
    running.wait_for_event("heard")
    running.signal(signal.SIGTERM)

    assert 143 == running.wait().exit_code
    _assert_gone(project)


def test_a_command_whose_lock_is_lost_is_ended(
    database: Database, project: Project, migrate: Migrate
) -> None:
    running = _start(migrate, database, STAY)

    database.query(f"SELECT pg_terminate_backend(a.pid) {HOLDER}")

    result = running.wait()
    assert 75 == result.exit_code, result.stdout
    assert "session_lost" == result.finished["error"]["reason"]
    assert "the command was terminated" in result.finished["summary"]
    assert "Nothing was applied; the database is at base." in result.finished["summary"]
    _assert_gone(project)


def test_a_killed_runner_takes_its_command_along(
    database: Database, project: Project, migrate: Migrate
) -> None:
    running = _start(migrate, database, STUBBORN)

    running.kill()

    _assert_gone(project)
    # The lock is gone, too: the next run does not wait.
    assert "applied" == migrate.run(DATABASE_URL=database.url).finished["outcome"]


def test_a_lock_that_is_lost_before_the_command_starts_is_temporary(
    database: Database, project: Project, migrate: Migrate
) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        waiting = migrate.start(
            *("exec", "--", "touch", "run"), DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7"
        )
        waiting.wait_for_event("run_lock_busy")
        database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'migrate %'"
        )
        result = waiting.wait()

    assert 75 == result.exit_code, result.stdout
    assert "session_lost" == result.finished["error"]["reason"]
    assert not (project.folder / "run").exists()
