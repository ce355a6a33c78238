"""Packages whose installed version is another one than the project's own lock file has.

`pip install migration-runner` raises what the project has pinned, if the runner needs a newer
release, and says nothing of it. So an error in the project's code, which may come from that, names
the difference. Where no lock file is found, nothing is said.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from migration_runner.documentation import docs_page

# What the runner requires, and what decides whether a project's code works.
_PACKAGES: Final = ("alembic", "sqlalchemy", "psycopg", "structlog", "tenacity")
_REQUIREMENT: Final = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*===?\s*([\w.+!-]+)")
_TABLES: Final = ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml")
_REQUIREMENTS: Final = ("requirements*.txt", "constraints*.txt", "requirements/*.txt")


def explain_versions() -> str:
    """Return a sentence, with a blank before it, about what differs; empty if nothing does."""
    here = Path.cwd()
    for file in _lock_files(here):
        try:
            pinned = dict(_pins(file))
        except (OSError, ValueError, AttributeError, TypeError):
            # Not a lock file after all.
            continue
        if differing := list(_differing(pinned)):
            return (
                f" {', '.join(differing)} (pinned in {file.relative_to(here)}): if that is the"
                f" reason, install the runner beside the project ({docs_page('alembic')})."
            )
    return ""


def _lock_files(folder: Path) -> Iterator[Path]:
    for pattern in (*_TABLES, "Pipfile.lock", *_REQUIREMENTS):
        yield from sorted(folder.glob(pattern))


def _pins(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and versions of a lock file."""
    text = file.read_text(encoding="utf-8")
    if file.name in _TABLES:
        import tomllib  # noqa: PLC0415 - slow, and rarely needed

        found: Mapping[str, Any] = tomllib.loads(text)
        for package in found.get("package", found.get("packages", [])):
            yield package["name"].lower(), package.get("version", "")
    elif file.name == "Pipfile.lock":
        for name, package in json.loads(text).get("default", {}).items():
            yield name.lower(), package.get("version", "").lstrip("=")
    else:
        for line in text.splitlines():
            if match := _REQUIREMENT.match(line.strip()):
                yield match[1].lower(), match[2]


def _differing(pinned: Mapping[str, str]) -> Iterator[str]:
    for name in _PACKAGES:
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if (wanted := pinned.get(name)) and wanted != installed:
            yield f"{name} {installed} is installed instead of {wanted}"
