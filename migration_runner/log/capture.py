"""What others write, in the runner's stream: log records, warnings, and what is printed."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from migration_runner.log.streams import log_stream, write_line

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


# A line that has no end yet; of dots, for example, that a revision prints for hours.
_LONGEST: Final = 1_048_576
_MARGIN: Final = 4096


class _LineHandler(logging.Handler):
    """Writes the standard library's log records."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record))
        except Exception:  # noqa: BLE001 - a record that cannot be rendered must not end the run
            self.handleError(record)


HANDLER: Final = _LineHandler()


def capture_log_records() -> None:
    """Send the standard library's log records and Python's warnings to the runner's stream.

    Called again after env.py was loaded: most replace the root logger's handlers.
    """
    root = logging.getLogger()
    root.handlers[:] = [HANDLER]
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            # `fileConfig` disables existing loggers, such as a revision's own.
            logger.disabled = False
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Alembic's "Running upgrade" repeats `revision_started`; its other lines are internal.
    quiet = logging.INFO if HANDLER.level <= logging.DEBUG else logging.WARNING
    logging.getLogger("alembic.runtime").setLevel(quiet)


@contextlib.contextmanager
def log_records_recaptured() -> Iterator[None]:
    """Capture the log records again whenever logging is configured, as most env.py do."""
    originals = logging.config.fileConfig, logging.config.dictConfig

    def recapturing(configure: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(configure)
        def configure_and_recapture(*args: Any, **kwargs: Any) -> None:
            configure(*args, **kwargs)
            capture_log_records()

        return configure_and_recapture

    logging.config.fileConfig = recapturing(originals[0])
    logging.config.dictConfig = recapturing(originals[1])
    try:
        yield
    finally:
        logging.config.fileConfig, logging.config.dictConfig = originals


@contextlib.contextmanager
def captured_prints() -> Iterator[None]:
    """Turn the lines that a revision or env.py prints into log records."""
    lines = _PrintedLines()
    text = io.TextIOWrapper(
        io.BufferedWriter(lines), "utf-8", "backslashreplace", line_buffering=True
    )
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        text.flush()
        lines.end()


class _PrintedLines(io.RawIOBase):
    """A standard output whose lines become log records, as a terminal would show them.

    Of a line that carriage returns overwrite, as progress bars do, only the last state remains.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the log's own file descriptor, for child processes."""
        return log_stream()

    def write(self, data: ReadableBuffer) -> int:
        *lines, rest = bytes(data).split(b"\n")
        for line in lines:
            self._log(line)
        if b"\r" in rest[:-1]:
            self._forget()
            rest = b"\r" + rest[:-1].rpartition(b"\r")[2] + rest[-1:]
        if rest:
            if self._size < _LONGEST:
                self._rest.append(rest)
            self._size += len(rest)
        return memoryview(data).nbytes

    def end(self) -> None:
        """Log a last line that has no newline."""
        if self._rest:
            self._log(b"")

    def _log(self, line: bytes) -> None:
        if self._size >= _LONGEST:
            # Without what could be the beginning of a secret.
            line = f"… and {self._size + len(line) - _LONGEST + _MARGIN} more bytes".encode()
            self._rest[:] = [b"".join(self._rest)[: _LONGEST - _MARGIN]]
        whole = b"".join([*self._rest, line]).rstrip(b"\r").rpartition(b"\r")[2]
        self._forget()
        logging.getLogger("print").info("%s", whole.decode(errors="backslashreplace"))

    def _forget(self) -> None:
        self._rest.clear()
        self._size = 0
