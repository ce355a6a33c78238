"""Whether others than root can read an image's files: containers usually run as another user."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from migration_runner.errors import ConfigError

_READ: Final = stat.S_IRGRP | stat.S_IROTH
_ENTER: Final = stat.S_IXGRP | stat.S_IXOTH


def require_readable(paths: Iterable[Path]) -> None:
    """Raise `ConfigError` if only root can read one of these files and folders.

    Of the folders on the way, those from the working directory on count.
    """
    here = Path.cwd()
    kept: dict[Path, int] = {}
    for path in paths:
        found = path.resolve()
        if _is_roots(found, _READ):
            kept[found] = found.stat().st_mode
        for folder in found.parents:
            if folder.is_relative_to(here) and _is_roots(folder, _ENTER):
                kept[folder] = folder.stat().st_mode
    if not kept:
        return
    (place, mode), *others = sorted(kept.items())
    more = f" and {len(others)} more" if others else ""
    message = (
        f"Only root can read {place} (mode {stat.S_IMODE(mode):03o}){more}, but images usually run"
        " as another user. Make it readable before migrate build: COPY --chmod=755, or"
        " chmod -R a+rX."
    )
    raise ConfigError(message, reason="unreadable_file", file=str(place))


def _is_roots(place: Path, rights: int) -> bool:
    """Whether root has a file or folder, and neither its group nor others have these rights."""
    if not place.exists():
        return False
    found = place.stat()
    return found.st_uid == 0 and not found.st_mode & rights
