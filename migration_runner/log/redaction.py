"""Removes secrets from every line, message and answer."""

from __future__ import annotations

import json
import re
from typing import Final

HIDDEN: Final = "***"
# Hiding a shorter one would blank out parts of ordinary words.
_SHORTEST_SECRET: Final = 4
_PASSWORD_IN_URL: Final = re.compile(r"(://[^\s/:@\"']*:)[^\s/@\"']+@")

# The spellings of each secret, and all spellings, the longest first.
_spellings: dict[str, frozenset[str]] = {}
_hidden: tuple[str, ...] = ()


def hide_secrets(secrets: tuple[str, ...], public: tuple[str, ...] = ()) -> None:
    """Hide `secrets` from now on, in all their spellings.

    A secret that is part of a `public` word (the user's or the database's name) is not hidden.
    """
    global _hidden  # noqa: PLW0603 - the process has one output, and this is its filter
    new = {
        secret
        for secret in secrets
        if secret not in _spellings
        and len(secret) >= _SHORTEST_SECRET
        and not any(secret in word for word in public)
    }
    if new:
        _spellings.update((secret, _spell(secret)) for secret in new)
        _hidden = tuple(sorted(frozenset().union(*_spellings.values()), key=len, reverse=True))


def redact(text: str) -> str:
    """Return `text` without the secrets."""
    for spelling in _hidden:
        text = text.replace(spelling, HIDDEN)
    if "://" in text:
        # Passwords that the runner does not know, say in what env.py logs.
        text = _PASSWORD_IN_URL.sub(rf"\1{HIDDEN}@", text)
    return text


def _spell(secret: str) -> frozenset[str]:
    """Return a secret as URLs, Python, ConfigParser and JSON (also JSON in JSON) write it."""
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - only if there is a secret

    spellings = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    spellings |= {repr(secret)[1:-1], secret.replace("%", "%%")}
    for ascii_only in (True, False):
        spellings |= {json.dumps(each, ensure_ascii=ascii_only)[1:-1] for each in spellings}
    return frozenset(spellings)
