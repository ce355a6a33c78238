"""The text of a list of targets.

A line names one: `NAME ADDRESS ... [LABEL ...]`, where an address is a URL, `schema=SCHEMA` or
`x=WORD`. JSON has the same as an object: a list of them, or one in each line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def split_entries(text: str) -> list[tuple[str, Any]]:
    """Return what describes a target, with where it stands: a line, or an entry of a JSON list.

    Raises `ValueError` for a list that is not valid JSON.
    """
    text = text.lstrip("\ufeff")
    if not text.lstrip().startswith("["):
        # Unicode's other line ends can be in a text of JSON.
        lines = enumerate(re.split("\r\n|\n|\r", text), 1)
        return [(f"line {number}", line) for number, line in lines if _says_something(line)]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        message = f"{_why(error)}{place}"
        raise ValueError(message) from None
    return [(f"entry {number}", each) for number, each in enumerate(found, 1)]


def read_words(line: str) -> Mapping[str, Any]:
    """Return what a line says, as JSON would. Raises `ValueError`, without a secret."""
    if line.lstrip().startswith("{"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            message = f"is not valid JSON: {_why(error)}"
            raise ValueError(message) from None
        return found  # type: ignore[no-any-return]  # the caller checks it
    facts: dict[str, Any] = {"x": [], "labels": []}
    for number, word in enumerate(line.split()):
        kind, separator, value = word.partition("=")
        if "://" in word and (not separator or "://" in kind or kind == "url"):
            _once(facts, "url", word if "://" in kind or not separator else value)
        elif separator and kind == "schema":
            _once(facts, "schema", value)
        elif separator and kind == "x":
            facts["x"].append(value)
        elif number == 0:
            facts["name"] = word
        else:
            facts["labels"].append(word)
    return facts


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _why(error: Exception) -> str:
    """Return why a text is no JSON, without the text, which can have passwords."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
    )


def _once(facts: dict[str, Any], name: str, value: str) -> None:
    if name in facts:
        message = f"has two of {name}"
        raise ValueError(message)
    facts[name] = value
