"""What a command leaves behind when it is interrupted, or killed: nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.runner import Running
from tests.fixtures.servers import is_gone
from tests.fixtures.workshop import Workshop, shadow_databases, superuser_url

# Says where the server is, and then takes long.
WAIT = """\
import pathlib
place = op.get_bind().exec_driver_sql("SHOW unix_socket_directories").scalar()
pathlib.Path({pipe!r}).write_text(place)
op.execute("SELECT pg_sleep(600)")
"""
# The same in env.py, once there is a second revision, which is tried there.
WAIT_IN_ENV = """\
import pathlib
if len(list(pathlib.Path("migrations/versions").glob("*.py"))) > 1:
    pathlib.Path({pipe!r}).write_text("tried")
    import time
    time.sleep(600)
"""

# The command, and Ctrl-C once the server has been stopped.
INTERRUPTED_AT_THE_END = """\
import os, signal, sys
from migration_runner.start import main
from migration_runner.workshop.cluster import Cluster
stop = Cluster.stop
def interrupted(*words, **names):
    stopped = stop(*words, **names)
    os.kill(os.getpid(), signal.SIGINT)
    return stopped
Cluster.stop = interrupted
sys.exit(main())
"""


def _pipe(workshop: Workshop) -> Path:
    path = workshop.folder / "pipe"
    os.mkfifo(path)
    return path


def _server_of(running: Running, pipe: Path) -> Path:
    """Return the server's folder once a revision is waiting on it."""
    assert running.process.poll() is None
    return Path(pipe.read_text())


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_no_server_is_left(workshop: Workshop, number: int, exit_code: int) -> None:
    pipe = _pipe(workshop)
    workshop.revision("waits", WAIT.format(pipe=str(pipe)))
    # Forked from a server of the tests', it would not be the one that is killed.
    command = [workshop.migrate.python, "-m", "migration_runner", "verify", "--all"]
    running = workshop.migrate.start_command(command, **workshop.variables)

    folder = _server_of(running, pipe)
    there = folder.exists()
    running.signal(number)

    assert exit_code == running.wait().exit_code
    assert (True, True) == (there, is_gone(folder))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_revision_is_left_that_was_not_tried(workshop: Workshop, number: int) -> None:
    pipe = _pipe(workshop)
    env = workshop.folder / "migrations" / "env.py"
    env.write_text(WAIT_IN_ENV.format(pipe=str(pipe)) + env.read_text())
    workshop.orders()
    workshop.add_columns("land = sa.Column(sa.Text)")

    running = workshop.start("revision", "--autogenerate", "-m", "more")
    said = pipe.read_text()
    running.signal(number)
    result = running.wait()

    assert ("tried", 128 + number) == (said, result.exit_code)
    assert ["orders.py"] == sorted(path.name for path in workshop.versions.glob("*.py"))


def test_no_revision_is_left_that_the_command_does_not_name(workshop: Workshop) -> None:
    workshop.orders()
    workshop.add_columns("land = sa.Column(sa.Text)")
    words = ["revision", "--autogenerate", "-m", "more"]
    command = [workshop.migrate.python, "-c", INTERRUPTED_AT_THE_END, *words]

    result = workshop.migrate.start_command(command, **workshop.variables).wait()

    assert 130 == result.exit_code
    assert ["orders.py"] == sorted(path.name for path in workshop.versions.glob("*.py"))


def test_no_database_is_left_on_a_shadow_server(workshop: Workshop, database: Database) -> None:
    pipe = _pipe(workshop)
    workshop.revision("waits", WAIT.format(pipe=str(pipe)))

    running = workshop.start("verify", "--all", "--shadow", superuser_url(database))
    pipe.read_text()
    running.signal(signal.SIGINT)

    assert 130 == running.wait().exit_code
    assert [] == shadow_databases(database)
