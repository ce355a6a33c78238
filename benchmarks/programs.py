"""Asking programs and packages for their versions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


def first_line(*command: str | Path) -> str:
    """Return the first line that a command prints, or nothing if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else ""


def python_package_version(python: Path, package: str) -> str:
    """Return the version of a package in the environment of `python`."""
    return first_line(
        python, "-c", f"from importlib.metadata import version; print(version({package!r}))"
    )


def node_package_version(folder: Path) -> str:
    """Return the version of an npm package."""
    return str(json.loads((folder / "package.json").read_text())["version"])
