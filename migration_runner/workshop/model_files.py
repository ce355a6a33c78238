"""Files that define models, and that nothing has imported: their tables are not in the metadata."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

DEFINES_MODELS: Final = re.compile(rb"\b(?:Mapped\[|mapped_column\(|Column\(|Table\(|table=True)")
_DEFINES_TABLE: Final = re.compile(
    rb"^\s*__tablename__\s*(?::[^=\n]*)?=|^\w+\s*(?::[^=\n]*)?=\s*(?:\w+\.)?Table\(|table=True",
    re.MULTILINE,
)
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})


def find_unimported() -> list[str]:
    """Return such files in the folders of the modules that this process has imported.

    They are relative to the working directory, below which the folders have to be.
    """
    here = Path.cwd().resolve()
    loaded = {
        Path(file).resolve()
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
    }
    own = {file for file in loaded if file.is_relative_to(here) and _is_own(file)}
    folders = {file.parent for file in own if _matches(DEFINES_MODELS, file)}
    # A folder of revisions has tables, too, but no models.
    candidates = {file for folder in folders for file in folder.glob("*.py")} - loaded
    found = sorted(file for file in candidates if _matches(_DEFINES_TABLE, file))
    return [str(file.relative_to(here)) for file in found]


def _is_own(file: Path) -> bool:
    return file.suffix == ".py" and not _PACKAGES.intersection(file.parts)


def _matches(pattern: re.Pattern[bytes], file: Path) -> bool:
    try:
        return pattern.search(file.read_bytes()) is not None
    except OSError:
        return False
