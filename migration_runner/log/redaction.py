"""Removes secrets from every line, message and answer: those that are known, and what looks so."""

from __future__ import annotations

import json
import re
from typing import Final

from migration_runner.log.secret_patterns import (
    HIDDEN,
    literals_behind_password,
    mask_passwords,
    mask_urls,
)

# Hiding a shorter one would blank out parts of ordinary words.
_SHORTEST_SECRET: Final = 4

# The spellings of each secret; those secrets that are hidden only as a whole word; and all
# spellings, the longest first, with a pattern where it has to be a whole word.
_spellings: dict[str, frozenset[str]] = {}
_whole: set[str] = set()
_hidden: tuple[tuple[str, re.Pattern[str] | None], ...] = ()


def hide_secrets(
    secrets: tuple[str, ...], public: tuple[str, ...] = (), *, whole: bool = False
) -> None:
    """Hide `secrets` from now on, in all their spellings; `whole`: not within other words.

    A secret that is part of a `public` word (the user's or the database's name) is not hidden.
    """
    global _hidden  # noqa: PLW0603 - the process has one output, and this is its filter
    new = {
        secret
        for secret in secrets
        if len(secret) >= _SHORTEST_SECRET
        and (secret not in _spellings or (secret in _whole and not whole))
        and not any(secret in word for word in public)
    }
    if new:
        _spellings.update((secret, _spell(secret)) for secret in new)
        _whole.difference_update(new)
        _whole.update(new if whole else ())
        _hidden = _in_order()


def hide_passwords_of(statement: str) -> None:
    """Hide the passwords that a statement sets, also where only a part of it is quoted."""
    hide_secrets(literals_behind_password(statement))


def redact(text: str) -> str:
    """Return `text` without secrets. It has to be as it was said: not shortened, not in JSON."""
    return mask_passwords(_blank(text))


def redact_line(line: str) -> str:
    """Return a line, whose texts were redacted before it was rendered, without known secrets."""
    return mask_urls(_blank(line))


def _blank(text: str) -> str:
    for spelling, word in _hidden:
        if spelling in text:
            text = text.replace(spelling, HIDDEN) if word is None else word.sub(HIDDEN, text)
    return text


def _in_order() -> tuple[tuple[str, re.Pattern[str] | None], ...]:
    anywhere = frozenset[str]().union(*(_spellings[each] for each in _spellings.keys() - _whole))
    words = frozenset[str]().union(*(_spellings[each] for each in _whole)) - anywhere
    return tuple(
        (each, re.compile(rf"(?<!\w){re.escape(each)}(?!\w)") if each in words else None)
        for each in sorted(anywhere | words, key=lambda each: (-len(each), each))
    )


def _spell(secret: str) -> frozenset[str]:
    """Return a secret as others write it: URLs, SQL, Python, a shell, ConfigParser and JSON.

    Of a secret with several lines, such as a private key, also each line.
    """
    lines = [line for line in secret.splitlines() if len(line) > 2 * _SHORTEST_SECRET]
    spellings = {secret, secret.strip(), " ".join(secret.split()), *lines}
    for each in tuple(spellings):
        spellings |= {*_in_urls(each), *_in_sql(each), each.replace("'", "'\"'\"'")}
        spellings.add(each.replace("%", "%%"))
    for each in tuple(spellings):
        # Python's choice of quotes depends on what stands beside it.
        spellings |= {repr(each)[1:-1], repr(f'"{each}')[2:-1]}
    for ascii_only in (True, False):
        spellings |= {json.dumps(each, ensure_ascii=ascii_only)[1:-1] for each in spellings}
    return frozenset(each for each in spellings if len(each) >= _SHORTEST_SECRET)


def _in_urls(secret: str) -> set[str]:
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - only if there is a secret

    data = secret.encode(errors="surrogatepass")
    # The last is SQLAlchemy's.
    encoded = {quote(data), quote(data, safe=""), quote_plus(data), quote(data, safe=" +")}
    return encoded | {re.sub("%..", lambda found: found[0].lower(), each) for each in encoded}


def _in_sql(secret: str) -> set[str]:
    doubled = secret.replace("'", "''")
    escaped = secret.replace("\\", "\\\\")
    return {doubled, escaped.replace("'", "''"), escaped.replace("'", "\\'")}
