"""One stream, one format: the runner's events, other log records, warnings and prints.

JSON lines on standard output, or a console rendering on a terminal.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from migration_runner.log import events
from migration_runner.log.capture import HANDLER, capture_log_records
from migration_runner.log.console import ConsoleLines
from migration_runner.log.facts import render_json
from migration_runner.log.lines import Lines
from migration_runner.log.streams import log_stream, when_lines_are_lost, write_line

_LEVELS: Final = logging.getLevelNamesMapping()

_processors: Final[list[Processor]] = []
_facts: Final[ContextVar[Mapping[str, str]]] = ContextVar("facts", default=MappingProxyType({}))


def configure_logging(log_format: str, log_level: str) -> None:
    """Configure the stream. `auto` is the console on a terminal and JSON elsewhere."""
    on_terminal = os.isatty(log_stream())
    level = _LEVELS.get(log_level.upper(), logging.INFO)
    if log_format == "console" or (log_format == "auto" and on_terminal):
        colors = on_terminal and "NO_COLOR" not in os.environ
        render: Callable[[EventDict], str] = ConsoleLines(colors=colors)
    else:
        render = render_json
    renderer = Lines(render, write_line if level <= logging.DEBUG else None)
    shared: list[Processor] = [
        _add_facts,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _order,
    ]
    _processors[:] = [*shared, _name_logger, renderer]
    # For code that logs with structlog without configuring it. An application that env.py imports
    # may configure it differently: the runner's own loggers do not use this configuration.
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_OthersLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    HANDLER.setFormatter(formatter)
    HANDLER.setLevel(level)
    capture_log_records()
    when_lines_are_lost(_report_lost_lines)


def get_logger() -> FilteringBoundLogger:
    """Return the logger for events."""
    return _logger_from(HANDLER.level)


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


def write_last_line(event: str, level: int = logging.INFO, **facts: Any) -> None:
    """Write an event of this level, whichever the log begins with: every log has the result."""
    _logger_from(logging.NOTSET).log(level, event, **facts)


def _report_lost_lines(count: int) -> None:
    _logger_from(logging.NOTSET).warning(events.LINES_LOST, count=count)


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


def _name_logger(logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Name another's logger: a line without one is the runner's own."""
    if isinstance(logger, _OthersLogger):
        event_dict.setdefault("logger", "structlog")
    return event_dict


class _LineLogger:
    """Writes what structlog has rendered: every level with `write_line`."""

    def __init__(self, *_: object) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = write_line
        self.critical = self.exception = write_line


class _OthersLogger(_LineLogger):
    """The same for code that is not the runner's."""
