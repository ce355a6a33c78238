"""The folder in which a throw-away server runs: in memory, where there is room."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final

_PREFIX: Final = "migrate-server-"
# A socket's path has 107 characters at most, and the server and drivers must take it unquoted.
_SHORT_PATH: Final = re.compile(r"[\w./-]{1,70}", re.ASCII)
# A server is some thousand small files, which cost a tenth there.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own in there
_ENOUGH_MEMORY: Final = 2 * 1024**3


def make_server_folder() -> Path:
    """Make a folder in memory where there is room, else where temporary files are."""
    places = [_MEMORY] if _has_room(_MEMORY) else []
    for place in (*places, Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        if _SHORT_PATH.fullmatch(str(folder)):
            return folder
        folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))


def _has_room(place: Path) -> bool:
    try:
        found = os.statvfs(place)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize > _ENOUGH_MEMORY and os.access(place, os.W_OK)
