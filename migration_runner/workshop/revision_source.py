"""What a revision file declares, read from its source: also if it cannot be imported."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from migration_runner.history.revision_names import as_tuple
from migration_runner.project.every_file import LoadedFile

_PARENTS: Final = ("down_revision", "depends_on", "branch_labels")
_ASSIGNMENT: Final = r"(?m)^{name}[ \t]*(?::[^=\n]*)?=[ \t]*(.*)$"

# A tuple may have a line for each of its names.
_MOST_LINES: Final = 30


def line_of(file: Path, name: str) -> int:
    """Return the line on which a module assigns a name; 1 if it does not."""
    text = _read(file)
    found = re.search(_ASSIGNMENT.format(name=name), text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def declares_id(file: Path) -> bool:
    """Whether a file has an id, which may be computed; also if the file cannot be read."""
    text = _read(file)
    return not text or re.search(_ASSIGNMENT.format(name="revision"), text) is not None


def read_source(file: Path) -> LoadedFile | None:
    """Return what a file declares as constants; None without an id."""
    text = _read(file)
    revision = id_of(text)
    if not revision:
        return None
    return LoadedFile(file, revision, *(_declared(text, name) for name in _PARENTS))


def id_of(text: str) -> str:
    """Return the id that a source declares; empty if it has none."""
    return next(iter(_declared(text, "revision")), "")


def _declared(text: str, name: str) -> tuple[str, ...]:
    """Return the names of the last assignment that is a constant."""
    found: tuple[str, ...] = ()
    for match in re.finditer(_ASSIGNMENT.format(name=name), text):
        value = _constant(text, match)
        found = found if value is None else value
    return found


def _constant(text: str, match: re.Match[str]) -> tuple[str, ...] | None:
    """Return the names that are assigned, on one line or on several."""
    lines = text[match.start(1) :].split("\n")
    for count in range(1, min(len(lines), _MOST_LINES) + 1):
        try:
            value = ast.literal_eval("\n".join(lines[:count]).strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if value is None or isinstance(value, str | tuple | list | set):
            return tuple(map(str, as_tuple(value)))
        break
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
