"""The end of the process, which comes once it has been reported.

Python waits for threads that are no daemons, such as those of a project's executor, calls exit
handlers, and writes what is still buffered. Any of that can take for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

from migration_runner import signals

# For exporters of traces, and the like.
_PATIENCE: Final = 5.0
# The same after a signal, within the documented two seconds.
_LAST_PATIENCE: Final = 0.3


def limit_shutdown(exit_code: int) -> None:
    """Let Python shut down, but end the process if that takes too long."""
    seconds = _PATIENCE if signals.received() is None else _LAST_PATIENCE
    timer = threading.Timer(seconds, os._exit, [exit_code])
    timer.daemon = True
    timer.start()
    for stream in (sys.stdout, sys.stderr):
        # Later the timer could not run any more.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
