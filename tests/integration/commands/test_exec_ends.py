"""A command under the run lock ends when its lock, its runner or somebody's patience does."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate, Running
from tests.fixtures.terminal import run_on_terminal

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
# Started by a process that has ended, in a session of its own; hears of nothing but SIGKILL. Notes
# when the run lock is free. It is given where its standard output goes.
DAEMON = """
import os, pathlib, signal, sys, psycopg
for ends in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(ends, signal.SIG_IGN)
os.setsid()
if os.fork(): os._exit(0)
locks = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
pathlib.Path("pid").write_text(str(os.getpid()))
print("here", flush=True)
sys.stdout.close()
while locks.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone(): pass
pathlib.Path("free").touch()
while True: signal.pause()
"""
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


def test_the_lock_is_kept_until_all_that_a_killed_runner_has_started_is_gone(
    database: Database, project: Project, migrate: Migrate
) -> None:
    code = f"import os, time\nif not os.fork():\n exec({DAEMON!r})\ntime.sleep(3600)"
    running = _start(migrate, database, code)

    running.kill()

    _assert_gone(project)
    database.wait_until(f"NOT EXISTS (SELECT 1 {HOLDER})")
    assert not (project.folder / "free").exists()


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_command_leaves_behind_is_ended_with_the_run(
    database: Database, project: Project, migrate: Migrate, code: int
) -> None:
    """It has the pipes of the command's output, and holds neither them nor the run."""
    script = (
        f"import os, pathlib, time\nif not os.fork():\n exec({DAEMON!r})\n"
        f"while not pathlib.Path('pid').exists(): time.sleep(0.01)\nraise SystemExit({code})"
    )

    result = _start(migrate, database, script).wait()

    assert min(code, 1) == result.exit_code, result.stdout
    assert code == result.of("command_ended")[0]["command_exit_code"]
    [left] = result.of("processes_left")
    assert (1, 0) == (left["ended"], left["running"])
    _assert_gone(project)
    assert not (project.folder / "free").exists()


def test_what_ends_by_itself_is_let_end(database: Database, migrate: Migrate) -> None:
    """A shell does not wait for what reads its output."""
    # It reads once the command has ended, of which nothing is left then, not even its number.
    reader = 'while kill -0 $$ 2>/dev/null; do :; done; read -r line; echo "$line"'
    script = f"exec > >({reader}); echo the last line"

    result = migrate.run("exec", "--", "bash", "-c", script, DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "the last line" in result.names
    assert [] == result.of("processes_left")


def test_a_command_whose_supervisor_is_killed_is_killed(
    database: Database, project: Project, migrate: Migrate
) -> None:
    running = _start(migrate, database, STUBBORN)
    command = Path("/proc") / (project.folder / "pid").read_text() / "stat"
    supervisor = int(command.read_text().rpartition(")")[2].split()[1])

    os.kill(supervisor, signal.SIGKILL)

    result = running.wait()
    assert 1 == result.exit_code, result.stdout
    assert "was terminated by signal 9" in result.finished["summary"]
    _assert_gone(project)


def test_the_session_with_the_lock_is_never_silent_for_long(
    database: Database, project: Project, proxy: Proxy, migrate: Migrate
) -> None:
    """Neither a pooler nor a proxy on the way may take it for idle."""
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    code = (
        "import pathlib, time\nprint('here', flush=True)\n"
        "while not pathlib.Path('gate').exists(): time.sleep(0.02)"
    )
    running = migrate.start(
        *("exec", "--", sys.executable, "-c", code),
        DATABASE_URL=database.url_at(proxy.port),
        MIGRATE_HEARTBEAT="100ms",
    )
    running.wait_for_event("here")
    messages.clear()

    deadline = time.monotonic() + 60
    while sum(bool(each.statement) for each in list(messages)) < 3:
        assert time.monotonic() < deadline, "it is silent"
        time.sleep(0.02)

    (project.folder / "gate").touch()
    assert 0 == running.wait().exit_code


def test_on_a_terminal_a_command_that_asks_fails_and_does_not_wait(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Nobody would see the question, which is no line of the log yet."""
    asks = f"true </dev/tty || {sys.executable} -c 'input()'"

    screen = run_on_terminal(
        project, migrate, "exec", "--", "sh", "-c", asks, DATABASE_URL=database.url
    )

    assert 1 == screen.exit_code, screen.text
    assert "EOFError" in screen.text


@pytest.mark.parametrize("limited", ["DATABASE", "ROLE"])
def test_a_limit_for_idle_sessions_does_not_end_it(
    any_database: Database, migrate: Migrate, limited: str
) -> None:
    name = "current_user" if limited == "ROLE" else "current_database()"
    any_database.query(
        f"DO $$ BEGIN EXECUTE format('ALTER {limited} %I SET idle_session_timeout = 1000', {name});"
        " EXCEPTION WHEN undefined_object THEN NULL; END $$"
    )

    result = migrate.run("exec", "--", "sleep", "2", DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout


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
