"""What a check has found: one place of a project, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """`check` is the name of one of `checks.CHECKS`.

    `file` and `line` are of the place that is to be changed; `advice` says how. A `waived` one has
    the reason for which the revision accepts it, and counts no more.
    """

    check: str
    message: str
    advice: str = ""
    revision: str = ""
    file: Path | None = None
    line: int | None = None
    waived: str = ""
