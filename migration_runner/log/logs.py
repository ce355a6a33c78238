"""One stream, one format: our events, other people's log records, warnings and prints.

JSON lines on standard output, or a console rendering on a terminal.
Lines are written with `write(2)`, without a buffer and without a lock: a signal handler or a
watching thread can write the last line whatever the main thread is in the middle of.
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
_LEVELS: Final = logging.getLevelNamesMapping()

_processors: Final[list[Processor]] = []
_facts: Final[ContextVar[Mapping[str, str]]] = ContextVar("facts", default=MappingProxyType({}))
_overheard: list[str] | None = None
_stream = _STANDARD_OUTPUT
_answers = _STANDARD_OUTPUT


def log_to_standard_error(*, keep_output: bool = False) -> None:
    """Keep standard output for the answer of a command that was asked something.

    Not even a child process of env.py's can write there, unless to `keep_output` as it is.
    """
    global _stream, _answers  # noqa: PLW0603 - the process has one of each
    _stream = _STANDARD_ERROR
    if not keep_output:
        _answers = os.dup(_STANDARD_OUTPUT)
        os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)


def write_line(line: str) -> None:
    """Write one line of the log; a reader that is gone does not stop the run."""
    if _overheard is None:
        _write(_stream, line)
    else:
        _overheard.append(line)


@contextlib.contextmanager
def overheard() -> Iterator[list[str]]:
    """Gather the lines of the log instead of writing them."""
    global _overheard  # noqa: PLW0603 - the process has one log
    lines = _overheard = []
    try:
        yield lines
    finally:
        _overheard = None


def write_answer(text: str) -> None:
    """Write to standard output what a command was asked for."""
    _write(_answers, text)


def answers_on_terminal() -> bool:
    """Whether a person reads the answer."""
    return os.isatty(_answers)


def _write(stream: int, text: str) -> None:
    data = (redact(text) + "\n").encode(errors="backslashreplace")
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(stream, data) :]


def open_standard_streams() -> None:
    """Open the standard streams that are closed, or a socket would get one's number."""
    for number in (0, _STANDARD_OUTPUT, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def configure_logging(log_format: str, log_level: str) -> None:
    """Set the stream up. `auto` is the console on a terminal and JSON elsewhere."""
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
    # For who logs with structlog and configures nothing. An application that env.py imports may
    # configure it: our own loggers do not read this back.
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
    """Send the standard library's log records and Python's warnings through our stream.

    Called again after an env.py was loaded: most of them replace the root logger's handlers.
    """
    root = logging.getLogger()
    root.handlers[:] = [_handler]
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            # `fileConfig` disables those that are there: a revision's own, for one.
            logger.disabled = False
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Alembic's "Running upgrade" repeats `revision_started`; its other lines are about itself.
    quiet = logging.INFO if _handler.level <= logging.DEBUG else logging.WARNING
    logging.getLogger("alembic.runtime").setLevel(quiet)


@contextlib.contextmanager
def kept_in_our_stream() -> Iterator[None]:
    """Take the log records back whenever somebody configures logging, as most env.py do."""
    originals = logging.config.fileConfig, logging.config.dictConfig

    def followed(configure: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(configure)
        def configure_and_follow(*args: Any, **kwargs: Any) -> None:
            configure(*args, **kwargs)
            capture_log_records()

        return configure_and_follow

    logging.config.fileConfig = followed(originals[0])
    logging.config.dictConfig = followed(originals[1])
    try:
        yield
    finally:
        logging.config.fileConfig, logging.config.dictConfig = originals


def get_logger() -> FilteringBoundLogger:
    """Return the logger for events."""
    return _logger_from(_handler.level)


def bind(**facts: str) -> None:
    """Put `facts` into every line from here on."""
    _facts.set({**_facts.get(), **facts})


@contextlib.contextmanager
def bound(**facts: str) -> Iterator[None]:
    """Put those of `facts` that are not empty into every line in the block."""
    known = {name: value for name, value in facts.items() if value}
    token = _facts.set({**_facts.get(), **known})
    try:
        yield
    finally:
        _facts.reset(token)


def write_last_line(event: str, **facts: Any) -> None:
    """Write an event whatever the log level is: the result belongs in every log."""
    _logger_from(logging.NOTSET).info(event, **facts)


@contextlib.contextmanager
def captured_prints() -> Iterator[None]:
    """Turn what a revision or an env.py prints into log records, a line each."""
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
        # Not set up yet: structlog's own way will do.
        unconfigured: FilteringBoundLogger = structlog.get_logger()
        return unconfigured
    return _make_logger(level)


@functools.cache
def _make_logger(level: int) -> FilteringBoundLogger:
    """Return a logger that writes what has at least this level, as `_processors` say then."""
    logger = structlog.wrap_logger(
        _LineLogger(),
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    )
    bound: FilteringBoundLogger = logger.bind()
    return bound


def _add_facts(_logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Put in what is known of the run."""
    return {
        **event_dict,
        **{name: event_dict.get(name, fact) for name, fact in _facts.get().items()},
    }


def _order(_logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Put what every line has first: people read JSON, too."""
    first = ("timestamp", "level", "event")
    return {**{name: event_dict.pop(name) for name in first}, **event_dict}


class _LineLogger:
    """structlog's way out: every level ends in `write_line`."""

    def __init__(self, *_: object) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = write_line
        self.critical = self.exception = write_line


class _LineHandler(logging.Handler):
    """The standard library's way out."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record))
        except Exception:  # noqa: BLE001 - a record that cannot be rendered must not end the run
            self.handleError(record)


class _PrintedLines(io.RawIOBase):
    """A standard output whose lines are log records."""

    def __init__(self) -> None:
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the real one's: a child process gets that."""
        return _stream

    def write(self, data: ReadableBuffer) -> int:
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            logging.getLogger("print").info("%s", line.decode(errors="backslashreplace"))
        return memoryview(data).nbytes

    def end(self) -> None:
        """Give out what has no line's end."""
        if self._rest:
            self.write(b"\n")


_handler: Final = _LineHandler()
