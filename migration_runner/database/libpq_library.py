"""The libpq that psycopg has loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psycopg import pq

_LOADED_FILES: Final = Path("/proc/self/maps")


def loaded_libpq() -> str | None:
    """Return its path; None if it is no shared library, or not on Linux."""
    pq.version()
    if not _LOADED_FILES.exists():
        return None
    for line in _LOADED_FILES.read_text().splitlines():
        path = line.partition("/")[2]
        if Path(path).name.startswith("libpq") and ".so" in path:
            return f"/{path}"
    return None
