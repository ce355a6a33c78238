"""Standard output is a pipe whose reader is late, or never comes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.forked import COMMAND
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

NO_SESSION = (
    "1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'migrate %')"
)
TABLE = 'op.execute("CREATE TABLE one (id bigint)")\n'
# More than any pipe holds.
NOISE = 'for _ in range(2000):\n    print("x" * 1000)\n'


class _Pipe:
    """A run whose output nobody reads before the test does."""

    def __init__(self, migrate: Migrate) -> None:
        self._migrate = migrate
        self._reader, self.writer = os.pipe()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(  # noqa: S603 - our own arguments
            [self._migrate.python, *COMMAND],
            cwd=self._migrate.folder,
            env={**self._migrate.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=self.writer,
            stderr=self.writer,
        )
        return self.process

    def wait_until_full(self) -> None:
        deadline = time.monotonic() + 60
        while select.select([], [self.writer], [], 0)[1]:
            assert time.monotonic() < deadline, "never full"
            time.sleep(0.02)

    def read(self) -> list[dict[str, Any]]:
        """Read until the process has closed it."""
        os.close(self.writer)
        self.writer = -1
        with os.fdopen(self._reader, "rb") as reader:
            self._reader = -1
            return [json.loads(line) for line in reader]

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        for each in (self._reader, self.writer):
            if each >= 0:
                os.close(each)


@pytest.fixture
def pipe(migrate: Migrate) -> Iterator[_Pipe]:
    pipe = _Pipe(migrate)
    yield pipe
    pipe.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_whose_output_nobody_reads(
    database: Database, project: Project, pipe: _Pipe, tmp_path: Path, number: signal.Signals
) -> None:
    message = tmp_path / "termination-log"
    message.touch()
    project.revision("r1", f"{TABLE}while True:\n    print('x' * 1000)\n")
    process = pipe.start(DATABASE_URL=database.url, MIGRATE_TERMINATION_LOG=str(message))
    pipe.wait_until_full()

    process.send_signal(number)

    assert 128 + number == process.wait(60)
    database.wait_until(NO_SESSION)
    assert [(None,)] == database.query("SELECT to_regclass('one')::text")
    outcome = json.loads(message.read_text().splitlines()[1])
    assert ("interrupted", 128 + number) == (outcome["outcome"], outcome["exit_code"])


def test_a_run_goes_on_without_a_reader_and_says_what_is_missing(
    database: Database, project: Project, pipe: _Pipe
) -> None:
    project.revision("r1", NOISE)
    project.table("r2", "two")
    process = pipe.start(DATABASE_URL=database.url)
    pipe.wait_until_full()
    database.wait_until("1 WHERE to_regclass('two') IS NOT NULL")

    events = pipe.read()

    assert 0 == process.wait(60)
    (lost,) = [event for event in events if event["event"] == "lines_lost"]
    assert 0 < lost["count"] < 2010
    printed = sum(event["event"] == "x" * 1000 for event in events)
    assert 2000 - lost["count"] <= printed < 2000
    assert ("run_finished", "applied") == (events[-1]["event"], events[-1]["outcome"])


def test_a_pipe_that_does_not_block_loses_nothing_if_its_reader_is_late(
    database: Database, project: Project, pipe: _Pipe
) -> None:
    os.set_blocking(pipe.writer, False)
    project.revision("r1", NOISE)
    process = pipe.start(DATABASE_URL=database.url)
    pipe.wait_until_full()

    events = pipe.read()

    assert 0 == process.wait(60)
    assert 2000 == sum(event["event"] == "x" * 1000 for event in events)
    assert "run_finished" == events[-1]["event"]
