"""SIGTERM and SIGINT: cancelled in the server, rolled back, unlocked, reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import ROOT, Migrate, Result, Running

# The promise is two seconds, which tests/unit/test_signals.py adds up. A busy machine takes longer;
# but whatever else the runner waits for, it waits five seconds or more for it.
LIMIT = 4.5
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
SLEEP = 'op.execute("CREATE TABLE one (id bigint)")\nop.execute("SELECT pg_sleep(3600)")\n'
NO_SESSION = (
    "1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %')"
)
RUNS_STATEMENT = (
    "1 FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_sleep'"
    " AND application_name LIKE 'migrate %' AND state = 'active'"
)


@pytest.fixture(params=CODES, ids=lambda number: signal.Signals(number).name)
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def _interrupt(running: Running, number: int) -> Result:
    running.signal(number)
    started = time.monotonic()
    result = running.wait()
    assert time.monotonic() - started < LIMIT
    assert CODES[signal.Signals(number)] == result.exit_code, result.stdout + result.stderr
    assert "interrupted" == result.finished["outcome"]
    assert "" == result.stderr
    return result


def test_a_running_statement_is_cancelled_and_rolled_back(
    any_database: Database, project: Project, migrate: Migrate, number: int
) -> None:
    project.table("r0", "zero")
    project.revision("r1", SLEEP)
    running = migrate.start(DATABASE_URL=any_database.url)
    running.wait_for_event("revision_started", revision="r1")
    any_database.wait_until(RUNS_STATEMENT)

    result = _interrupt(running, number)

    assert ["r0"] == result.finished["to_revisions"]
    assert ["r0"] == [each["revision"] for each in result.finished["applied"]]
    any_database.wait_until(NO_SESSION)
    assert [(None,)] == any_database.query("SELECT to_regclass('one')::text")


def test_a_revision_that_is_busy_in_python(
    database: Database, project: Project, migrate: Migrate, number: int
) -> None:
    project.revision("r1", "print('busy')\nwhile True:\n    pass\n")
    running = migrate.start(DATABASE_URL=database.url)
    running.wait_for_event("busy")

    _interrupt(running, number)


def test_a_revision_that_catches_exceptions_is_ended_nevertheless(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision(
        "r1",
        """\
        import time
        said = False
        while True:
            try:
                # In here: a signal before the loop would not be caught.
                if not said:
                    said = True
                    print("busy")
                time.sleep(3600)
            except BaseException:
                pass
        """,
    )
    running = migrate.start(DATABASE_URL=database.url)
    running.wait_for_event("busy")

    result = _interrupt(running, signal.SIGTERM)

    assert "may still be rolling back" in result.finished["summary"]


def test_while_it_waits_for_the_database(
    project: Project, migrate: Migrate, proxy: Proxy, number: int
) -> None:
    project.table("r1", "one")
    proxy.mode = "black_hole"
    running = migrate.start(DATABASE_URL=f"postgresql://owner@127.0.0.1:{proxy.port}/shop")
    proxy.wait_for_connection()

    result = _interrupt(running, number)

    assert "The database was not touched." in result.finished["summary"]


def test_while_it_waits_for_the_run_lock(
    database: Database, project: Project, migrate: Migrate, number: int
) -> None:
    project.table("r1", "one")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        running = migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
        running.wait_for_event("run_lock_busy")

        _interrupt(running, number)


def test_a_second_signal_ends_it_at_once(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Here the first one leads nowhere: the server does not hear the cancellation."""
    project.revision(
        "r1",
        """\
        import time
        while True:
            try:
                print("deaf")
                time.sleep(3600)
            except BaseException:
                print("ignored")
        """,
    )
    # After the first one alone, it would never end.
    (project.folder / "sitecustomize.py").write_text(
        "from migration_runner import signals\nsignals.GRACE_SECONDS = 3600.0\n"
    )
    path = f"{project.folder}{os.pathsep}{migrate.environment['PYTHONPATH']}"
    running = migrate.start(DATABASE_URL=database.url, PYTHONPATH=path)
    running.wait_for_event("deaf")
    running.signal(signal.SIGTERM)
    running.wait_for_event("ignored")
    running.signal(signal.SIGTERM)

    result = running.wait()

    assert 143 == result.exit_code
    assert "interrupted" == result.finished["outcome"]


def test_the_next_run_goes_on(database: Database, project: Project, migrate: Migrate) -> None:
    path = project.revision("r1", SLEEP)
    running = migrate.start(DATABASE_URL=database.url)
    database_busy = RUNS_STATEMENT
    database.wait_until(database_busy)
    _interrupt(running, signal.SIGTERM)
    path.write_text(path.read_text().replace("3600", "0"))

    result = migrate.run(DATABASE_URL=database.url)

    assert "applied" == result.finished["outcome"]
    with pytest.raises(psycopg.errors.DuplicateTable):
        database.query("CREATE TABLE one (id bigint)")


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")]
)
def test_one_that_came_before_anything_was_imported(
    number: signal.Signals, name: str, database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    # Blocked and pending, which a program that is executed inherits.
    arrives = (
        "import os, signal, sys\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, [{number:d}])\n"
        f"os.kill(os.getpid(), {number:d})\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'migration_runner'])\n"
    )

    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-c", arrives],
        cwd=project.folder,
        env={**migrate.environment, "DATABASE_URL": database.url},
        check=False,
        capture_output=True,
        text=True,
    )

    last = json.loads(done.stdout.splitlines()[-1])
    assert 128 + number == done.returncode == last["exit_code"]
    assert f"Interrupted ({name})." in last["summary"]
    assert [] == database.query("SELECT 1 FROM pg_tables WHERE tablename = 'one'")


def test_they_wait_until_they_can_be_answered() -> None:
    program = (
        "import signal, sys; from migration_runner import start;"
        "sys.argv[1:] = ['no', 'work']; start.exit_on_fast_path();"
        "print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    )
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )

    assert str([signal.SIGINT, signal.SIGTERM]) == done.stdout.strip()


def test_handlers_that_env_py_has_replaced_are_installed_again(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """An event loop that had a handler leaves none."""
    project.revision(
        "r1",
        """\
        import asyncio
        import signal

        async def main():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, print)
            loop.remove_signal_handler(signal.SIGTERM)

        asyncio.run(main())
        op.execute("SELECT pg_sleep(3600)")
        """,
    )
    running = migrate.start(DATABASE_URL=database.url)
    database.wait_until(RUNS_STATEMENT)

    _interrupt(running, signal.SIGTERM)
