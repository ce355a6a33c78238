"""The places of findings, as each format names them."""

from __future__ import annotations

import os
from pathlib import Path

from migration_runner.workshop.finding import Finding


def relative(file: Path, root: Path | None = None) -> str:
    """Return a file's path below `root`, the working directory by default; else the whole path."""
    root = (root or Path.cwd()).resolve()
    found = Path.cwd() / file
    for path in (Path(*_normal(found)), found.resolve()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return Path(*_normal(found)).as_posix()


def _normal(path: Path) -> list[str]:
    """Return the parts of a path without `..`; links are not followed."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return parts


def workspace() -> Path:
    """Return the folder that GitHub's paths start from; elsewhere the working directory."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def place_of(finding: Finding, root: Path | None = None) -> str:
    """Return `file:line`, with the file as `relative` has it; empty if the finding has none."""
    if finding.file is None:
        return ""
    line = f":{finding.line}" if finding.line else ""
    return f"{relative(finding.file, root)}{line}"
