"""An output whose reader is late, or never comes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from migration_runner.log import logs, streams
from migration_runner.log.output import Output
from migration_runner.report.finish import finish
from migration_runner.report.report import RunReport

LINE = b"x" * 999 + b"\n"
Pipe = tuple[int, int]


@pytest.fixture(params=[True, False], ids=["blocking", "non_blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    reader, writer = os.pipe()
    os.set_blocking(writer, request.param)
    yield reader, writer
    # Others share it.
    assert request.param is os.get_blocking(writer)
    for each in (reader, writer):
        os.close(each)


def _fill(output: Output) -> int:
    """Write until nothing more fits, and return how many lines did."""
    fits = 0
    dropped: list[int] = []
    output.lost = dropped.append
    while not output._dropped:  # noqa: SLF001 - nothing else shows it before somebody reads
        output.write(LINE, 0.0)
        fits += 1
    return fits - 1


def _read_all(reader: int) -> bytes:
    os.set_blocking(reader, False)
    data = b""
    try:
        while part := os.read(reader, 65536):
            data += part
    except BlockingIOError:
        pass
    return data


def _started(target: Callable[[], object]) -> threading.Thread:
    """Start a thread that keeps nobody if it waits for ever."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _join(thread: threading.Thread) -> None:
    thread.join(60)
    assert not thread.is_alive()


def test_lines_that_nobody_reads_are_dropped_and_counted(pipe: Pipe) -> None:
    reader, writer = pipe
    output = Output(writer)
    fits = _fill(output)
    lost: list[int] = []
    output.lost = lost.append
    for _ in range(9):
        # A wait for each of them would be endless.
        output.write(LINE, 3600.0)
    assert [] == lost

    whole = _read_all(reader)
    output.write(b"again\n", 0.0)

    assert [10] == lost
    assert fits * LINE == whole[: fits * len(LINE)]
    assert [] == [line for line in (whole + _read_all(reader)).splitlines() if len(line) > 999]


def test_a_line_that_was_begun_is_continued(pipe: Pipe) -> None:
    reader, writer = pipe
    output = Output(writer)
    _fill(output)
    _read_all(reader)
    long = b"y" * 200_000 + b"\n"

    output.write(long, 0.0)
    data = _read_all(reader)
    assert len(data) < len(long)
    while not data.endswith(b"after\n"):
        output.write(b"after\n", 0.0)
        data += _read_all(reader)

    assert long + b"after\n" == data


def test_a_reader_who_is_late_gets_everything(pipe: Pipe) -> None:
    reader, writer = pipe
    output = Output(writer)
    fits = _fill(output)
    output._dropped = 0  # noqa: SLF001 - as if the line before had come through
    written = threading.Event()

    def write() -> None:
        output.write(b"late\n", 3600.0)
        written.set()

    thread = _started(write)
    assert not written.wait(0.05)
    data = _read_all(reader)
    _join(thread)

    assert fits * LINE + b"late\n" == data + _read_all(reader)


def test_the_last_line_waits_although_others_were_dropped(pipe: Pipe) -> None:
    reader, writer = pipe
    output = Output(writer)
    _fill(output)
    lost: list[int] = []
    output.lost = lost.append
    thread = _started(lambda: output.write(b"last\n", 3600.0, last=True))
    data = _read_all(reader)
    _join(thread)

    assert (data + _read_all(reader)).endswith(b"x\nlast\n")
    assert [1] == lost


def test_a_closed_pipe_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(writer)

    output.write(LINE, 3600.0)
    output.write(LINE, None)

    os.close(writer)


@pytest.fixture
def log(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> Output:
    """Return the log's output, which is full, and has one line dropped."""
    output = Output(pipe[1])
    monkeypatch.setattr(streams, "_standard_output", output)
    monkeypatch.setattr(streams, "_stream", output)
    monkeypatch.setattr(streams, "_last", False)
    monkeypatch.setattr(streams, "_patience", 3600.0)
    _fill(output)
    logs.configure_logging("json", "error")
    return output


@pytest.mark.usefixtures("log")
def test_the_log_says_how_many_lines_are_missing(pipe: Pipe) -> None:
    streams.write_line("dropped, too")
    _read_all(pipe[0])

    streams.write_line("read again")

    told, line = _read_all(pipe[0]).splitlines()[-2:]
    assert ("lines_lost", "warning", 2) == tuple(
        json.loads(told)[name] for name in ("event", "level", "count")
    )
    assert b"read again" == line


@pytest.mark.usefixtures("log")
def test_the_result_waits_for_a_reader(pipe: Pipe) -> None:
    thread = _started(lambda: finish(RunReport(run_id="1")))
    thread.join(0.1)
    assert thread.is_alive()

    data = _read_all(pipe[0])
    _join(thread)

    lines = (data + _read_all(pipe[0])).splitlines()[-2:]
    assert ["lines_lost", "run_finished"] == [json.loads(line)["event"] for line in lines]


def test_a_run_that_has_to_end_does_not_wait_for_a_reader(log: Output) -> None:
    finish(RunReport(run_id="1"), abandoned=True)

    assert 2 == log._dropped  # noqa: SLF001 - nobody reads it


def test_another_thread_that_writes_is_not_waited_for_without_end() -> None:
    reader, writer = os.pipe()
    output = Output(writer)
    output._turn.acquire()  # noqa: SLF001 - a thread that a signal has stopped while it wrote

    output.write(LINE, 0.0)

    assert LINE == _read_all(reader)
    for each in (reader, writer):
        os.close(each)
