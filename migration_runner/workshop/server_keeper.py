"""The parent of a throw-away server: a shell that stops it once nobody uses it any more.

Each user has a pipe open, from which the shell reads: that ends when the last of them closes it, or
is killed. Then it stops the server, and removes its folder. It is there before the folder is
filled, and until what is to be kept was moved away.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from migration_runner.workshop.server_user import before_server, forking, server_environment

# The server is stopped again and again: until it has handlers of its own, a signal to it is lost.
# So is the folder removed: a killed command's `cp` or `initdb` may still be filling it.
_KEEPER: Final = """\
log=$1 folder=$2; shift 2
trap '' INT TERM HUP PIPE
read -r answer
if [ "$answer" = start ]; then
    "$@" </dev/null >"$log" 2>&1 &
    server=$!
    read -r answer
    kill -INT "$server"
    (while sleep 0.2; do kill -INT "$server"; done) >/dev/null 2>&1 &
    wait "$server"
    kill -KILL $!
    if [ "$answer" = keep ]; then
        echo stopped
        read -r answer
    fi
fi
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    rm -rf -- "$folder" && break
    sleep 0.2
done
"""
_PIPE: Final = "users"


def make_pipe(folder: Path) -> tuple[int, int]:
    """Make a folder's pipe; return the end for the shell, and the first user's."""
    pipe = folder / _PIPE
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    os.set_blocking(reader, True)
    return reader, writer


def open_pipe(home: Path) -> int | None:
    """Become a user of a home's server; None if it has none."""
    try:
        # With a reader only, who is the shell.
        return os.open(home / _PIPE, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def start_keeper(
    reader: int, log: Path, sockets: Path, command: Sequence[str], user: int | None
) -> subprocess.Popen[bytes]:
    """Start the shell, which will start the server's `command`, and close the shell's end here."""
    try:
        with forking():
            return subprocess.Popen(  # noqa: S603 - the server's own
                ["/bin/sh", "-c", _KEEPER, "keeper", str(log), str(sockets), *command],
                stdin=reader,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=server_environment(),
                # Ctrl-C is for this process.
                start_new_session=True,
                preexec_fn=before_server(user),  # noqa: PLW1509 - see `forking`
            )
    finally:
        os.close(reader)


def start_server(pipe: int) -> None:
    """Have the shell start the server: its data are there."""
    os.write(pipe, b"start\n")


def stop_server(keeper: subprocess.Popen[bytes], pipe: int, seconds: float) -> bool:
    """Have the shell stop the server, and leave the folder until the pipe is closed.

    Returns whether it says that the server has ended.
    """
    os.write(pipe, b"keep\n")
    assert keeper.stdout is not None  # noqa: S101 - it is a pipe
    ready, _, _ = select.select([keeper.stdout], [], [], seconds)
    return bool(ready) and keeper.stdout.readline() == b"stopped\n"
