"""Writing a project's files: all of them, or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from migration_runner.errors import UsageError


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files into a folder that is not there. Its name appears when they are complete.

    Raises `UsageError`, and leaves nothing behind.
    """
    # What has to be made first, above it.
    top = folder
    while not top.parent.exists():
        top = top.parent
    beside = top.parent / f".{top.name[:100]}.{uuid.uuid4().hex[:8]}"
    try:
        with _explaining(folder):
            target = beside / folder.relative_to(top)
            target.mkdir(parents=True)
            for path, text in files.items():
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_text(text, encoding="utf-8")
            beside.rename(top)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def write_missing(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write those of the files that are not there, and return their paths.

    What is there is not changed. Raises `UsageError`, and leaves nothing behind.
    """
    written: list[str] = []
    made: list[Path] = []
    try:
        with _explaining(folder):
            for path, text in files.items():
                file = folder / path
                if os.path.lexists(file):
                    continue
                _make_folders(file.parent, made)
                # Before it is there: an interruption can come at any moment.
                written.append(path)
                try:
                    stream = file.open("x", encoding="utf-8")
                except FileExistsError:
                    # Another process has come first.
                    written.pop()
                    continue
                with stream:
                    stream.write(text)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                (folder / path).unlink()
        for each in reversed(made):
            with contextlib.suppress(OSError):
                each.rmdir()
        raise
    return written


def _make_folders(folder: Path, made: list[Path]) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent, made)
    made.append(folder)
    folder.mkdir()


@contextlib.contextmanager
def _explaining(folder: Path) -> Iterator[None]:
    """Raise `UsageError` for what the system refuses."""
    try:
        yield
    except OSError as error:
        message = (
            f"The project could not be written to {folder}: {error.filename or folder}:"
            f" {error.strerror}. Nothing was written."
        )
        raise UsageError(message, reason="not_written") from error
