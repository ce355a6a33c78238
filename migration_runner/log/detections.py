"""What autogenerate has detected (`Detected added table 'orders'`): Alembic only logs it."""

from __future__ import annotations

import logging
from typing import Final

from migration_runner.log.capture import HANDLER
from migration_runner.log.streams import write_line

_LOGGER: Final = "alembic.autogenerate"


class _Detections(logging.Handler):
    """Writes the records that the log's own level leaves out."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < HANDLER.level:
            write_line(HANDLER.format(record))


def show_detections() -> None:
    """Write these lines from now on, also where the log begins with warnings."""
    logging.getLogger(_LOGGER).addHandler(_Detections(logging.INFO))
