"""Which project is asked for, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# With "-migrations" behind it, a name in Kubernetes, which has at most 63 characters.
_LONGEST: Final = 40
_USUAL: Final = "app"
# YAML takes these for something else than a name.
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True)
class Variant:
    """How the project's env.py connects, how its models are written, what configures Alembic."""

    use_async: bool = False
    sqlmodel: bool = False
    pyproject: bool = False

    @property
    def config(self) -> str:
        """The file that configures Alembic."""
        return "pyproject.toml" if self.pyproject else "alembic.ini"


def project_name(folder: Path) -> str:
    """Return a name for images and for Kubernetes, from the folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower())[:_LONGEST].strip("-")
    if not name:
        return _USUAL
    return name if name[0].isalpha() and name not in _WORDS else f"{_USUAL}-{name}"
