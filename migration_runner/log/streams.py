"""The process's standard streams: one for the log, one for a command's answer.

Lines are written with `write(2)`, without a buffer and without a lock: a signal handler or
another thread can write the last line, whatever the main thread is doing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

from migration_runner.log.redaction import redact

_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2
_USUAL_WIDTH: Final = 80

_collected: list[str] | None = None
_stream = _STANDARD_OUTPUT
_answers = _STANDARD_OUTPUT


def log_stream() -> int:
    """Return the log's file descriptor."""
    return _stream


def log_to_standard_error(*, keep_output: bool = False) -> None:
    """Log to standard error, and keep standard output for a command's answer.

    Child processes of env.py cannot write there either, unless `keep_output` leaves it as it is.
    """
    global _stream, _answers  # noqa: PLW0603 - the process has one of each
    _stream = _STANDARD_ERROR
    if not keep_output:
        _answers = os.dup(_STANDARD_OUTPUT)
        os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)


def write_line(line: str) -> None:
    """Write one line of the log. A closed pipe does not stop the run."""
    if _collected is None:
        _write(_stream, line)
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
    """Write a command's answer to standard output."""
    _write(_answers, text)


def answers_on_terminal() -> bool:
    """Whether the answer goes to a terminal."""
    return os.isatty(_answers)


def answer_width() -> int:
    """Return how many characters fit into a line of the terminal that gets the answer."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(_answers).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def _write(stream: int, text: str) -> None:
    data = (redact(text) + "\n").encode(errors="backslashreplace")
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(stream, data) :]


def open_standard_streams() -> None:
    """Open the standard streams that are closed: a socket could get one of their numbers."""
    for number in (0, _STANDARD_OUTPUT, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
