"""One stream, one format: the runner's events, other log records, warnings and prints.

JSON lines on standard output, or a console rendering on a terminal.
Lines are written with `write(2)`, without a buffer and without a lock: a signal handler or
another thread can write the last line, whatever the main thread is doing.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import logging.config
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from migration_runner.log.console import ConsoleLines
from migration_runner.log.redaction import redact

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2
_USUAL_WIDTH: Final = 80
_LEVELS: Final = logging.getLevelNamesMapping()

_processors: Final[list[Processor]] = []
_facts: Final[ContextVar[Mapping[str, str]]] = ContextVar("facts", default=MappingProxyType({}))
_collected: list[str] | None = None
_stream = _STANDARD_OUTPUT
_answers = _STANDARD_OUTPUT


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


def configure_logging(log_format: str, log_level: str) -> None:
    """Configure the stream. `auto` is the console on a terminal and JSON elsewhere."""
    on_terminal = os.isatty(_stream)
    level = _LEVELS.get(log_level.upper(), logging.INFO)
    if log_format == "console" or (log_format == "auto" and on_terminal):
        colors = on_terminal and "NO_COLOR" not in os.environ
        renderer: Processor = ConsoleLines(colors=colors)
    else:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    shared: list[Processor] = [
        _add_facts,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _order,
    ]
    _processors[:] = [*shared, renderer]
    # For code that logs with structlog without configuring it. An application that env.py imports
    # may configure it differently: the runner's own loggers do not use this configuration.
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_LineLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    _handler.setFormatter(formatter)
    _handler.setLevel(level)
    capture_log_records()


def capture_log_records() -> None:
    """Send the standard library's log records and Python's warnings to the runner's stream.

    Called again after env.py was loaded: most replace the root logger's handlers.
    """
    root = logging.getLogger()
    root.handlers[:] = [_handler]
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            # `fileConfig` disables existing loggers, such as a revision's own.
            logger.disabled = False
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Alembic's "Running upgrade" repeats `revision_started`; its other lines are internal.
    quiet = logging.INFO if _handler.level <= logging.DEBUG else logging.WARNING
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


def get_logger() -> FilteringBoundLogger:
    """Return the logger for events."""
    return _logger_from(_handler.level)


def bind(**facts: str) -> None:
    """Add `facts` to every line from now on."""
    _facts.set({**_facts.get(), **facts})


@contextlib.contextmanager
def bound(**facts: str) -> Iterator[None]:
    """Add those of `facts` that are not empty to every line in the block."""
    known = {name: value for name, value in facts.items() if value}
    token = _facts.set({**_facts.get(), **known})
    try:
        yield
    finally:
        _facts.reset(token)


def write_last_line(event: str, **facts: Any) -> None:
    """Write an event at any log level: every log has the result."""
    _logger_from(logging.NOTSET).info(event, **facts)


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


def _logger_from(level: int) -> FilteringBoundLogger:
    if not _processors:
        # Not configured yet: structlog's defaults will do.
        unconfigured: FilteringBoundLogger = structlog.get_logger()
        return unconfigured
    return _make_logger(level)


@functools.cache
def _make_logger(level: int) -> FilteringBoundLogger:
    """Return a logger for this level and above, rendered by `_processors` as they are then."""
    logger = structlog.wrap_logger(
        _LineLogger(),
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    )
    bound: FilteringBoundLogger = logger.bind()
    return bound


def _add_facts(_logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Add the facts that are bound to every line."""
    return {
        **event_dict,
        **{name: event_dict.get(name, fact) for name, fact in _facts.get().items()},
    }


def _order(_logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Put the keys that every line has first: JSON is also read by people."""
    first = ("timestamp", "level", "event")
    return {**{name: event_dict.pop(name) for name in first}, **event_dict}


class _LineLogger:
    """Writes what structlog has rendered: every level with `write_line`."""

    def __init__(self, *_: object) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = write_line
        self.critical = self.exception = write_line


class _LineHandler(logging.Handler):
    """Writes the standard library's log records."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record))
        except Exception:  # noqa: BLE001 - a record that cannot be rendered must not end the run
            self.handleError(record)


class _PrintedLines(io.RawIOBase):
    """A standard output whose lines become log records."""

    def __init__(self) -> None:
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the log's own file descriptor, for child processes."""
        return _stream

    def write(self, data: ReadableBuffer) -> int:
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            logging.getLogger("print").info("%s", line.decode(errors="backslashreplace"))
        return memoryview(data).nbytes

    def end(self) -> None:
        """Log a last line that has no newline."""
        if self._rest:
            self.write(b"\n")


_handler: Final = _LineHandler()
