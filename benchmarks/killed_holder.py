"""A run is killed during a revision: how long until the next run executes it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection

from benchmarks.bench import Attempt, Bench
from benchmarks.contestant import Command, Contestant, Work
from benchmarks.measuring import RunFailed, Sample
from benchmarks.revisions import long_revision, make_revisions
from benchmarks.sections import Section

_REVISION_SECONDS: Final = 10
# The tool's own tables exist already: creating them is not measured.
_REVISIONS_BEFORE: Final = 10
_LIMIT_SECONDS: Final = 30
# The server does not report when a statement begins, so it is polled.
_LOOK_EVERY: Final = 0.005
# The shortest delay before a container that failed is restarted.
_RESTART_AFTER: Final = 1
_WORKING: Final = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"


def killed_holder(bench: Bench, _size: int) -> Section:
    """Kill each contestant once a round, and start it again."""
    before = make_revisions(_REVISIONS_BEFORE)
    revisions = [*before, long_revision(_REVISIONS_BEFORE + 1, _REVISION_SECONDS)]

    def set_up(contestant: Contestant) -> Attempt:
        folder = bench.project(contestant, before, "killed")
        behind = bench.server.create()
        bench.apply(contestant, folder, behind, Work.ALL)
        bench.project(contestant, revisions, "killed")

        def attempt() -> Sample:
            with bench.server.database(behind) as database, bench.server.connect() as connection:
                command = contestant.run(folder, database, Work.ALL)
                return _kill_and_start_again(command, connection, database.name)

        return attempt

    title = (
        f"Killed in a statement of {_REVISION_SECONDS} s: from SIGKILL to the next run's statement"
    )
    racing = [each for each in bench.contestants if each.takes_part_in_races]
    return bench.section(title, racing, set_up, bench.few_rounds, warm_up=False)


def _kill_and_start_again(command: Command, connection: Connection[Any], database: str) -> Sample:
    with _started(command) as process:
        while not (holders := _working(connection, database)):
            if process.poll() is not None:
                message = f"ended with {process.returncode} before it executed the revision"
                raise RunFailed(message)
            time.sleep(_LOOK_EVERY)
    killed = time.monotonic()
    failures = 0
    while time.monotonic() < killed + _LIMIT_SECONDS:
        with _started(command) as process:
            while process.poll() is None and time.monotonic() < killed + _LIMIT_SECONDS:
                working = _working(connection, database)
                if working - holders:
                    seconds = time.monotonic() - killed
                    beside = bool(working & holders)
                    return Sample(seconds, flawed=beside, remark=_remark(failures, beside=beside))
                time.sleep(_LOOK_EVERY)
            if process.poll() == 0:
                return Sample(_LIMIT_SECONDS, flawed=True, remark="ended with 0, nothing applied")
        failures += 1
        time.sleep(_RESTART_AFTER)
    return Sample(_LIMIT_SECONDS, flawed=True, remark="never")


def _remark(failures: int, *, beside: bool) -> str:
    where = "while the killed run's statement still ran" if beside else "alone"
    return f"{where}, after failed runs" if failures else where


def _working(connection: Connection[Any], database: str) -> set[int]:
    return {pid for (pid,) in connection.execute(_WORKING, [database])}


@contextlib.contextmanager
def _started(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in its own process group, and kill the group at the end."""
    with (
        (command.folder / "benchmark.log").open("ab") as output,
        subprocess.Popen(
            [str(word) for word in command.arguments],
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        ) as process,
    ):
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
