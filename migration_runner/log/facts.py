"""The facts of a line, made fit to be rendered: no secret, nothing that JSON or UTF-8 lacks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from migration_runner.log.plain_text import plain_text, without_surrogates
from migration_runner.log.redaction import redact
from migration_runner.log.secret_patterns import HIDDEN

# What contains itself has no end.
_DEEPEST: Final = 12
_SECRET_NAME: Final = re.compile(r"(?i)passw(?:or)?d|passphrase|secret\Z|(?:access|auth)_token\Z")


def clean_facts(facts: Mapping[Any, Any]) -> dict[str, Any]:
    """Return facts that consist of plain values, redacted; others become their text."""
    return {_text(name): _clean_item(name, value, 1) for name, value in facts.items()}


def clean_value(value: object) -> Any:
    """Return one value of such facts."""
    return _clean(value, 0)


def render_json(value: object) -> str:
    """Render a clean value as JSON without characters that a terminal obeys."""
    return plain_text(json.dumps(value, ensure_ascii=False))


def render_compact(value: object) -> str:
    """Render a clean value in the shortest form."""
    return plain_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _clean_item(name: object, value: object, depth: int) -> Any:
    if isinstance(value, str) and isinstance(name, str) and _SECRET_NAME.search(name):
        return HIDDEN
    return _clean(value, depth)


def _clean(value: object, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Of an enum, too.
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {_text(key): _clean_item(key, each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_clean(each, depth + 1) for each in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - whatever it is, the line has to be written
        text = f"<{type(value).__name__}>"
    return without_surrogates(redact(text))
