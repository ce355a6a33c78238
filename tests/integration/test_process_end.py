"""A process that has reported its end does end, whatever the project has left running."""

from __future__ import annotations

import signal

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

SLEEPER = "import threading, time\nthreading.Thread(target=time.sleep, args=(36000,)).start()\n"
LEFT = {
    "thread": SLEEPER,
    "executor": (
        "import time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "ThreadPoolExecutor().submit(time.sleep, 36000)\n"
    ),
    "exit_handler": "import atexit, time\natexit.register(time.sleep, 36000)\n",
}


def test_a_run_that_has_succeeded(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("r1", SLEEPER)

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "applied" == result.finished["outcome"]


@pytest.mark.parametrize("left", LEFT)
def test_a_run_that_a_signal_ends(
    database: Database, project: Project, migrate: Migrate, left: str
) -> None:
    project.revision("r1", LEFT[left] + 'op.execute("SELECT pg_sleep(36000)")')
    running = migrate.start(DATABASE_URL=database.url)
    database.wait_until("1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert (143, "interrupted") == (result.exit_code, result.finished["outcome"])


@pytest.mark.parametrize("left", LEFT)
def test_a_signal_after_the_last_line_changes_nothing(
    database: Database, project: Project, migrate: Migrate, left: str
) -> None:
    """The process ends with the code that it has reported."""
    project.revision("r1", LEFT[left])
    running = migrate.start(DATABASE_URL=database.url)
    running.wait_for_event("run_finished")

    running.signal(signal.SIGTERM)

    assert 0 == running.wait().exit_code


def test_nor_does_one_while_python_shuts_down(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Python restores the default of every signal with a handler before it clears the modules."""
    at_the_end = (
        "import os, signal, sys\n"
        "class AtTheEnd:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGTERM):\n"
        "        kill(pid, number)\n"
        "sys.at_the_end = AtTheEnd()\n"
    )
    project.revision("r1", at_the_end)
    command = [migrate.python, "-m", "migration_runner"]

    result = migrate.start_command(command, DATABASE_URL=database.url).wait()

    assert (0, "applied") == (result.exit_code, result.finished["outcome"])
