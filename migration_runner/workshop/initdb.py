"""What fills the data folder of a throw-away server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError
from migration_runner.workshop.programs import THREE_WAYS, Programs
from migration_runner.workshop.server_user import before_initdb, forking, server_environment

SUPERUSER: Final = "postgres"
_INITDB: Final = (
    "--auth=trust",
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
    "--wal-segsize=1",
)


def initialize(programs: Programs, data: Path, user: int | None) -> None:
    """Have `initdb` fill a data folder. Raises `ConfigError` with what it said."""
    with forking():
        done = subprocess.run(  # noqa: S603 - the server's own
            [programs.path("initdb"), "-D", str(data), *_INITDB],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            text=True,
            errors="replace",
            env=server_environment(),
            preexec_fn=before_initdb(user),
        )
    if done.returncode:
        said = " ".join(done.stderr.split())
        advice = THREE_WAYS
        if "could not look up effective user" in said:
            advice = (
                f"The user with the number {os.geteuid()} has no entry in /etc/passwd; give it"
                f" one. Or: {THREE_WAYS}"
            )
        message = f"The throw-away server could not be made: {said} {advice}"
        raise ConfigError(message, reason="no_server")
