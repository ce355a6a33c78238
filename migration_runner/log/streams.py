"""The process's standard streams: one for the log, one for a command's answer.

Lines are written without a buffer: another thread can write the last line, whatever the main
thread is doing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Final

from migration_runner.log.facts import clean_value, render_json
from migration_runner.log.filtered import FilteredStream
from migration_runner.log.output import Output
from migration_runner.log.plain_text import plain_text, without_surrogates
from migration_runner.log.redaction import redact, redact_line

_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2
_USUAL_WIDTH: Final = 80
# How long a line of the log waits for a reader who is busy.
_PATIENCE: Final = 5.0
# The same after a signal, when there is no time left.
_LAST_PATIENCE: Final = 0.2

_collected: list[str] | None = None
_patience, _last = _PATIENCE, False
_standard_output = Output(_STANDARD_OUTPUT)
_standard_error = Output(_STANDARD_ERROR)
_stream = _answers = _standard_output


def log_stream() -> int:
    """Return the log's file descriptor."""
    return _stream.descriptor


def when_lines_are_lost(report: Callable[[int], object]) -> None:
    """Set what is called with the number of lines that nobody read in time, once one is read."""
    _standard_output.lost = _standard_error.lost = report


def begin_last_lines(*, hurry: bool) -> None:
    """From now on, every line is worth waiting for a reader, but not for long in a `hurry`."""
    global _patience, _last
    _patience, _last = _LAST_PATIENCE if hurry else _PATIENCE, True


def log_to_standard_error(*, keep_output: bool = False) -> None:
    """Log to standard error, and keep standard output for a command's answer.

    Child processes of env.py cannot write there either, unless `keep_output` leaves it as it is.
    """
    global _stream, _answers  # noqa: PLW0603 - the process has one of each
    _stream = _standard_error
    if not keep_output:
        _answers = Output(os.dup(_STANDARD_OUTPUT))
        os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)


def write_line(line: str) -> None:
    """Write one line of the log. Neither a closed pipe nor one that nobody reads stops the run."""
    if _collected is None:
        _write(_stream, line, _patience)
    else:
        _collected.append(line)


@contextlib.contextmanager
def collected_lines() -> Iterator[list[str]]:
    """Collect the lines of the log instead of writing them."""
    global _collected  # noqa: PLW0603 - the process has one log
    lines = _collected = []
    try:
        yield lines
    finally:
        _collected = None


def write_answer(text: str) -> None:
    """Write a command's answer to standard output, however long somebody takes to read it."""
    _write(_answers, plain_text(without_surrogates(redact(text))), None)


def write_facts(facts: object) -> None:
    """Write a command's answer as JSON."""
    _write(_answers, render_json(clean_value(facts)), None)


def answers_on_terminal() -> bool:
    """Whether the answer goes to a terminal."""
    return os.isatty(_answers.descriptor)


def answer_width() -> int:
    """Return how many characters fit into a line of the terminal that gets the answer."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(_answers.descriptor).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def _write(output: Output, text: str, seconds: float | None) -> None:
    data = (redact_line(text) + "\n").encode(errors="backslashreplace")
    output.write(data, seconds, last=_last)


def filter_standard_error() -> None:
    """Hide secrets also in what is written there directly, such as the traceback of a thread."""
    if sys.stderr is not None and not isinstance(sys.stderr, FilteredStream):
        sys.stderr = FilteredStream(sys.stderr)


@contextlib.contextmanager
def filtered_standard_output() -> Iterator[FilteredStream]:
    """Hide secrets in what Alembic's own commands write to standard output."""
    stream = FilteredStream(sys.stdout)
    with contextlib.redirect_stdout(stream):
        yield stream
    stream.flush()


def open_standard_streams() -> None:
    """Open the standard streams that are closed: a socket could get one of their numbers."""
    for number in (0, _STANDARD_OUTPUT, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
