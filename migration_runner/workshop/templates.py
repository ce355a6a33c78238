"""Schemas that earlier commands have built, in the user's cache folder: a server's data each.

An entry is written once and never changed. Those that were not used for longest are removed when
all together are too large.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.programs import Programs

TEMPLATE: Final = "template"
OFF: Final = "off"
_MOST_BYTES: Final = 1024**3
_PRISTINE: Final = "initdb"
_DATA: Final = "data"
_WITHOUT: Final = "without"


def cache_folder(setting: str) -> Path | None:
    """Return the folder for templates; None if there is to be none, or it cannot be written."""
    if setting == OFF:
        return None
    default = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(setting) if setting else Path(default) / "migration-runner"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


class Templates:
    """The templates of one server's release."""

    def __init__(self, folder: Path | None, programs: Programs) -> None:
        self._folder = folder
        # Two builds of a release can differ in what is compiled into them.
        place = str(programs.folder).encode().hex()[-24:]
        self._prefix = f"{programs.version}-{place}"

    def find(self, digests: Iterable[str]) -> str | None:
        """Return the first of the digests that there is a template of."""
        return next((each for each in digests if self._entry(each, _DATA)), None)

    def fill(self, digest: str | None, data: Path, initialize: Callable[[], None]) -> bool:
        """Fill a server's data folder; return whether it is from the template of `digest`."""
        if digest is not None and self._copy(digest, data):
            return True
        if not self._copy(_PRISTINE, data):
            initialize()
            self._add(_PRISTINE, lambda entry: _copy_folder(data, entry / _DATA))
        return False

    def without(self, digest: str) -> list[str]:
        """Return the extensions that a template should have, and has not."""
        file = self._entry(digest, _WITHOUT)
        return file.read_text().splitlines() if file is not None else []

    def keep(self, digest: str, cluster: Cluster, without: Iterable[str] = ()) -> None:
        """Stop a cluster, and keep its data; it must have no database but the template."""

        def write(entry: Path) -> bool:
            (entry / _WITHOUT).write_text("".join(f"{name}\n" for name in without))
            return cluster.stop(keep_data=entry / _DATA)

        if not self._add(digest, write):
            cluster.stop()

    def _add(self, digest: str, write: Callable[[Path], bool]) -> bool:
        """Let `write` fill a folder, which becomes the entry if it says that all is there.

        Return whether it did: no command depends on that.
        """
        if self._folder is None:
            return False
        try:
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=self._folder))
        except OSError:
            # Full, for one.
            return False
        try:
            written = write(part)
            if written:
                with contextlib.suppress(OSError):
                    # Another process can have been quicker.
                    part.rename(self._folder / f"{self._prefix}-{digest}")
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._remove_oldest()
        return written

    def _entry(self, digest: str, name: str) -> Path | None:
        if self._folder is None:
            return None
        path = self._folder / f"{self._prefix}-{digest}" / name
        return path if path.exists() else None

    def _copy(self, digest: str, data: Path) -> bool:
        source = self._entry(digest, _DATA)
        if source is None:
            return False
        with contextlib.suppress(OSError):
            os.utime(source.parent)
        if _copy_folder(source, data):
            return True
        # It was removed meanwhile.
        shutil.rmtree(data, ignore_errors=True)
        return False

    def _remove_oldest(self) -> None:
        assert self._folder is not None  # noqa: S101 - there is an entry in it
        entries = []
        for entry in self._folder.iterdir():
            with contextlib.suppress(OSError):
                entries.append((entry.stat().st_mtime, _size(entry), entry))
        total = 0
        for _, size, entry in sorted(entries, reverse=True):
            total += size
            if total > _MOST_BYTES:
                shutil.rmtree(entry, ignore_errors=True)


def _copy_folder(source: Path, target: Path) -> bool:
    """Copy a folder, in half of the time that `shutil` takes."""
    done = subprocess.run(  # noqa: S603 - our own folders
        ["cp", "-R", "--", str(source), str(target)],  # noqa: S607 - POSIX
        check=False,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode == 0


def _size(folder: Path) -> int:
    return sum(
        os.lstat(f"{place}/{name}").st_size for place, _, names in os.walk(folder) for name in names
    )
