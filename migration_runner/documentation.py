"""Addresses of pages of the published documentation: an image has no `docs/`."""

from __future__ import annotations

from typing import Final

DOCS_URL: Final = "https://migration-runner.readthedocs.io/en/latest/"


def docs_page(name: str) -> str:
    """Return the address of a page: `privileges`, `exit-codes`."""
    return f"{DOCS_URL}{name}.html"


def check_page(check: str) -> str:
    """Return the address of the section about one of `migrate verify`'s checks."""
    return f"{docs_page('verify')}#{check}"
