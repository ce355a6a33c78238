"""Replaces the contents of files: of all of them, or of none."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Give each file its new content, in one step each. A reader sees the old or the new one.

    If one cannot be written, those that were already replaced get their old content back. Raises
    `OSError`.
    """
    # What a link leads to is replaced, not the link.
    targets = {file.resolve(): content for file, content in contents.items()}
    before = {file: file.read_bytes() for file in targets}
    written: dict[Path, Path] = {}
    replaced: list[Path] = []
    try:
        for file, content in targets.items():
            written[file] = _write_beside(file, content)
        for file, new in written.items():
            new.replace(file)
            replaced.append(file)
            _forget_compiled(file)
    except BaseException:
        for file in replaced:
            file.write_bytes(before[file])
        raise
    finally:
        for new in written.values():
            new.unlink(missing_ok=True)


def _forget_compiled(file: Path) -> None:
    """Delete what Python has compiled: it takes a file of the same second and size for the same."""
    for compiled in (file.parent / "__pycache__").glob(f"{glob.escape(file.stem)}.*.pyc"):
        with contextlib.suppress(OSError):
            compiled.unlink()


def _write_beside(file: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        shutil.copymode(file, new)
        with contextlib.suppress(PermissionError):
            status = file.stat()
            os.chown(new, status.st_uid, status.st_gid)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new
