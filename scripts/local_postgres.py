"""Run a command with a local PostgreSQL: `python -m scripts.local_postgres COMMAND ...`.

Where the environment names a database already, the command gets that one. Otherwise an embedded
PostgreSQL 18 runs as long as the command does; its data stay in `.postgres/` for the next time.
With `--reset` in place of the command, they are removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError
from migration_runner.workshop.cluster import Cluster, is_in_use
from migration_runner.workshop.initdb import SUPERUSER
from migration_runner.workshop.programs import find_programs

HOME: Final = Path(__file__).resolve().parents[1] / ".postgres"
# A developer's data are to outlast a power cut, too.
_KEPT: Final = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
NAMED_ALREADY: Final = (
    "MIGRATE_DATABASE_URL",
    "MIGRATE_DATABASE_URL_FILE",
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "PGHOST",
    "PGHOSTADDR",
    "PGSERVICE",
)


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run `command`, which answers Ctrl-C and SIGTERM itself, and return its exit code."""
    with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - the user's command
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
        code = child.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def embedded(home: Path = HOME) -> Iterator[str]:
    """Run a server on `home`, which other processes may use at the same time; its URL."""
    if (home / "PG_VERSION").exists():
        message = (
            f"{home} is from an earlier release of this template, which kept the database"
            " in another way. Remove it: make reset"
        )
        raise SystemExit(message)
    try:
        cluster = Cluster(find_programs(), home=home, settings=_KEPT)
    except ConfigError as error:
        raise SystemExit(error.message) from None
    try:
        yield f"postgresql://{SUPERUSER}@/{SUPERUSER}?host={cluster.sockets}"
    finally:
        cluster.stop()


def reset() -> None:
    """Remove the embedded server's data; not while it is in use, or another database is."""
    if named := [name for name in NAMED_ALREADY if os.environ.get(name)]:
        message = (
            f"Nothing was removed: {named[0]} names another database, and only the embedded one can"
            f" be reset. To reset it: env -u {named[0]} make reset"
        )
        raise SystemExit(message)
    if not HOME.exists():
        sys.stdout.write("There is no embedded database.\n")
        return
    if is_in_use(HOME):
        message = "Nothing was removed: the embedded database is in use. End make psql or make run."
        raise SystemExit(message)
    shutil.rmtree(HOME)
    sys.stdout.write("Removed the embedded database.\n")


def main(words: list[str]) -> int:
    """Start a server if one is needed, and run the command."""
    if words == ["--reset"]:
        reset()
        return 0
    environment = dict(os.environ)
    if any(environment.get(name) for name in NAMED_ALREADY):
        return run(words, environment)
    with embedded() as environment["DATABASE_URL"]:
        return run(words, environment)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
