"""The files' texts, with `<<name>>` where something is put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from migration_runner.documentation import DOCS_URL


def render(name: str, values: Mapping[str, str]) -> str:
    """Return the text of one of `files/`, with these values and the documentation's address."""
    text = (resources.files(__package__) / "files" / f"{name}.txt").read_text(encoding="utf-8")
    known = {"docs": DOCS_URL, **values}
    return re.sub("<<([a-z_]+)>>", lambda match: known[match[1]], text)
