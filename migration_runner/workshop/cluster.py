"""A PostgreSQL server of our own, that ends with the last process that uses it.

It listens on a socket in a folder of its own only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError
from migration_runner.workshop.initdb import SUPERUSER, initialize
from migration_runner.workshop.programs import THREE_WAYS, Programs
from migration_runner.workshop.server_folder import make_server_folder
from migration_runner.workshop.server_keeper import (
    make_pipe,
    open_pipe,
    start_keeper,
    start_server,
    stop_server,
)
from migration_runner.workshop.server_user import server_user

_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "50",
    # A history in one transaction has many.
    "max_locks_per_transaction": "1024",
    # `timestamp` to `timestamptz` rewrites a table in another time zone.
    "timezone": "UTC",
    "shared_buffers": "32MB",
    "min_wal_size": "2MB",
    "wal_recycle": "off",
    # Templates are copied as files; a checkpoint costs nothing without fsync.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "lc_messages": "C",
    "logging_collector": "off",
}
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_HANDOVER_SECONDS: Final = 0.5
_LOG: Final = "log"
_POLL_SECONDS: Final = 0.003

# Gets the data folder, and what initializes it.
Fill = Callable[[Path, Callable[[], None]], None]

_open: weakref.WeakSet[Cluster] = weakref.WeakSet()


class Cluster:
    """A running server: its `folder` has the data and the log, `sockets` its socket.

    Without a `home`, the folder is a new one, and removed at the end. A `home` is kept, and other
    processes may use its server at the same time.
    """

    def __init__(
        self,
        programs: Programs,
        fill: Fill = lambda _data, initialize: initialize(),
        *,
        home: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; `fill` fills the data folder, or has it initialized.

        Raises `ConfigError` with what the server said.
        """
        self.programs = programs
        self._user = server_user()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self.sockets = make_server_folder()
        self.folder = home or self.sockets
        self.data = self.folder / "data"
        try:
            self._own(self.sockets)
            if home is not None:
                home.mkdir(exist_ok=True)
                self._own(home)
            with _locked(self.folder):
                if home is None or not self._join():
                    self._start(fill, {**_SETTINGS, **(settings or {})})
        except BaseException:
            self.stop()
            raise

    def parameters(self, database: str) -> dict[str, str]:
        """Return libpq's parameters for one of its databases."""
        return {"host": str(self.sockets), "user": SUPERUSER, "dbname": database}

    def stop(self, keep_data: Path | None = None) -> bool:
        """Use it no more; before its folder is removed, move its data to `keep_data`.

        Returns whether it is known to have ended with all that it had written, and is kept if it
        was to be.
        """
        _open.discard(self)
        ended = kept = False
        try:
            kept = keep_data is None or self._keep(keep_data)
        finally:
            if self._pipe is not None:
                os.close(self._pipe)
                self._pipe = None
        if self._keeper is not None:
            ended = self._wait_for_end(self._keeper)
            if self._keeper.stdout is not None:
                self._keeper.stdout.close()
        if self._keeper is None or self.folder == self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)
        return ended and kept

    def _keep(self, place: Path) -> bool:
        """Stop the server and move its data; return whether all of them are there."""
        if self._keeper is None or self._pipe is None:
            return False
        try:
            ended = stop_server(self._keeper, self._pipe, _STOP_SECONDS)
            if ended:
                shutil.move(self.data, place)
        except OSError:
            # A part of it may be there: the disk is full, for one.
            return False
        return ended

    def _wait_for_end(self, keeper: subprocess.Popen[bytes]) -> bool:
        """Wait for the shell, and return whether it has ended by itself."""
        if self.folder != self.sockets:
            # Others may be users still: then it is theirs.
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(_HANDOVER_SECONDS)
                return True
            # It is not waited for any more: Python would warn of that.
            keeper.returncode = 0
            return False
        try:
            keeper.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(keeper.pid, signal.SIGKILL)
            keeper.wait()
            return False
        return True

    def _join(self) -> bool:
        """Become a user of the server that another process has started, if there is one."""
        pipe = open_pipe(self.folder)
        sockets = self._ready_sockets()
        if pipe is None or sockets is None:
            if pipe is not None:
                os.close(pipe)
            self._wait_until_gone()
            return False
        self.sockets.rmdir()
        self.sockets, self._pipe = Path(sockets), pipe
        _open.add(self)
        return True

    def _wait_until_gone(self) -> None:
        """Wait for the end of a server that nobody uses any more."""
        file = self.data / "postmaster.pid"
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                os.kill(int(file.read_text().split("\n", 1)[0]), 0)
            except (OSError, ValueError):
                return
            time.sleep(_POLL_SECONDS)

    def _make_data(self, fill: Fill) -> None:
        if not (self.data / "PG_VERSION").exists():
            fill(self.data, lambda: initialize(self.programs, self.data, self._user))
        self._own_all(self.data)

    def _start(self, fill: Fill, settings: Mapping[str, str]) -> None:
        options = [word for each in settings.items() for word in ("-c", "=".join(each))]
        postgres = self.programs.path("postgres")
        command = [postgres, "-D", str(self.data), "-k", str(self.sockets), *options]
        log = self.folder / _LOG
        # Of the server before this one: what it said at its end is not said of this one.
        log.unlink(missing_ok=True)
        reader, self._pipe = make_pipe(self.folder)
        _open.add(self)
        self._keeper = start_keeper(reader, log, self.sockets, command, self._user)
        self._make_data(fill)
        start_server(self._pipe)
        self._wait_until_ready(log)

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        said = ""
        while time.monotonic() < deadline:
            if self._ready_sockets():
                return
            with contextlib.suppress(OSError):
                said = log.read_text(errors="replace")
            if "database system is shut down" in said or "FATAL:" in said:
                break
            time.sleep(_POLL_SECONDS)
        said = " ".join(said.split()[-60:])
        message = f"The throw-away server did not start: {said or 'no answer'}. {THREE_WAYS}"
        raise ConfigError(message, reason="no_server")

    def _ready_sockets(self) -> str | None:
        """Return the folder with the socket once the server accepts connections.

        `pg_ctl start --wait` looks at the same lines of postmaster.pid (pidfile.h).
        """
        with contextlib.suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[4] if lines[7].strip() == "ready" else None
        return None

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user, self._user, follow_symlinks=False)

    def _own_all(self, folder: Path) -> None:
        """Make the server's user the owner of its data, which may be another's copy."""
        if self._user is None:
            return
        for place, _, files in os.walk(folder):
            self._own(Path(place))
            for name in files:
                os.chown(f"{place}/{name}", self._user, self._user, follow_symlinks=False)

    def forget(self) -> None:
        """Leave the server to the process that uses it: this one was forked from that."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def is_in_use(home: Path) -> bool:
    """Whether a process uses the server of a home."""
    with _locked(home):
        pipe = open_pipe(home)
        if pipe is not None:
            os.close(pipe)
        return pipe is not None


def _forget_all() -> None:
    for cluster in list(_open):
        cluster.forget()


# Otherwise a forked process would keep the pipe open, and the server alive.
os.register_at_fork(after_in_child=_forget_all)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder while a server is started, or found."""
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
