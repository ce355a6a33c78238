"""The report of a process that cannot import what it needs: the log is not there either."""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

from migration_runner.log.facts import clean_value
from migration_runner.log.plain_text import plain_text
from migration_runner.settings.environment_secrets import hide_environment_secrets

_INTERNAL_ERROR: Final = 70


def report_crash(error: BaseException) -> int:
    """Write the traceback and a last line, without secrets, and return the exit code."""
    hide_environment_secrets(os.environ)
    trace = "".join(traceback.format_exception(error))
    sys.stderr.write(plain_text(clean_value(trace)))
    last = {
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "level": "error",
        "event": "run_finished",
        "summary": (
            f"The runner cannot start: {type(error).__name__}: {error}. Install it again, with its"
            " dependencies. The database was not touched."
        ),
        "outcome": "failed",
        "exit_code": _INTERNAL_ERROR,
    }
    sys.stdout.write(json.dumps(clean_value(last)) + "\n")
    return _INTERNAL_ERROR
