"""The targets of a fleet: each a database or a schema, with a name and labels.

A line names one: `NAME ADDRESS ... [LABEL ...]`, where an address is a URL, `schema=SCHEMA` or
`x=WORD`. JSON has the same as an object: a list of them, or one in each line.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migration_runner.errors import ConfigError
from migration_runner.log.counts import count_of
from migration_runner.log.redaction import redact
from migration_runner.settings.database_url import DatabaseAddress, parse_database_url

_FIELDS: Final = ("name", "url", "schema", "x", "labels")
_MOST_PROBLEMS: Final = 10
# In a line of the log, and in `--only NAME`.
_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Target:
    """One database, or one schema in it.

    Without `address` it is in the database of the settings. `schema` is the search_path of its
    sessions, if there are no `x`: env.py's `-x` arguments.
    """

    name: str
    address: DatabaseAddress | None = None
    url: str = field(default="", repr=False)
    schema: str = ""
    x: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()

    @property
    def sets_search_path(self) -> bool:
        """Whether the schema is chosen by the search_path, and not by env.py."""
        return bool(self.schema) and not self.x


def parse_targets(text: str, origin: str) -> list[Target]:
    """Return the targets in a text, which came from `origin`.

    Raises `ConfigError`, which lists the problems and shows no secret.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        return make_targets(_parse_list(text, origin), origin)
    lines = enumerate(text.lstrip("\ufeff").splitlines(), 1)
    return make_targets(
        [(f"line {number}", line) for number, line in lines if _says_something(line)], origin
    )


def make_targets(found: Iterable[tuple[str, Any]], origin: str) -> list[Target]:
    """Return a target for each text or mapping, with where it stands. Raises `ConfigError`."""
    targets, problems = [], []
    for place, each in found:
        try:
            targets.append(_target(_words(each) if isinstance(each, str) else each))
        except ValueError as error:
            problems.append(f"{place} {error}")
    problems += _twice(targets)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        message = f"{origin}: {count_of(len(problems), 'problem')}: {'; '.join(shown)}."
        raise ConfigError(redact(message), reason="invalid_targets", problems=problems[:20])
    return targets


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _parse_list(text: str, origin: str) -> list[tuple[str, Any]]:
    try:
        found = json.loads(text.lstrip("\ufeff"))
    except ValueError as error:
        # Without the text, which can have passwords.
        reason = getattr(error, "msg", "it is not valid")
        line = getattr(error, "lineno", 1)
        message = f"{origin} is not valid JSON: {reason} (line {line})."
        raise ConfigError(message, reason="invalid_targets") from None
    return [(f"entry {number}", each) for number, each in enumerate(found, 1)]


def _words(line: str) -> Mapping[str, Any]:
    """Return what a line says, as JSON would."""
    if line.lstrip().startswith("{"):
        try:
            found = json.loads(line)
        except ValueError as error:
            message = f"is not valid JSON: {getattr(error, 'msg', 'it is not valid')}"
            raise ValueError(message) from None
        return found  # type: ignore[no-any-return]  # `_target` checks it
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


def _once(facts: dict[str, Any], name: str, value: str) -> None:
    if name in facts:
        message = f"has two of {name}"
        raise ValueError(message)
    facts[name] = value


def _target(facts: Any) -> Target:
    """Return the target that a mapping describes. Raises `ValueError`, without a secret."""
    if not isinstance(facts, Mapping):
        message = "is neither an object nor a line of words"
        raise ValueError(message)  # noqa: TRY004 - one kind of error for a wrong target
    if unknown := sorted(str(name) for name in facts.keys() - {*_FIELDS}):
        message = f"has {unknown[0]!r}, which is none of {', '.join(_FIELDS)}"
        raise ValueError(message)
    url, schema = _text(facts, "url"), _text(facts, "schema")
    x, labels = tuple(_texts(facts, "x")), frozenset(_labels(facts.get("labels")))
    address = None
    if url:
        try:
            address = parse_database_url(url)
        except ValueError as error:
            message = f"has a URL that {error}"
            raise ValueError(message) from None
    name = _text(facts, "name") or schema or (address.parameters.get("dbname") if address else "")
    if not name:
        message = "has no name"
        raise ValueError(message)
    if not _NAME.fullmatch(name):
        message = f"has the name {name!r}, which has white space or control characters"
        raise ValueError(message)
    if not (url or schema or x):
        message = f"({name}) names no database: add a URL, schema=SCHEMA or x=WORD"
        raise ValueError(message)
    return Target(name, address, url, schema, x, labels)


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"has a {name} that is no text"
        raise ValueError(message)  # noqa: TRY004 - as above
    if "\0" in value or "\n" in value:
        message = f"has a {name} of several lines"
        raise ValueError(message)
    return value.strip()


def _texts(facts: Mapping[str, Any], name: str) -> list[str]:
    value = facts.get(name) or []
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        message = f"has {name} that are no texts"
        raise ValueError(message)
    return list(found)


def _labels(value: Any) -> list[str]:
    """Return labels: a list of words, or a mapping, of which each pair is a word `key=value`."""
    if isinstance(value, Mapping):
        return [f"{key}={each}" for key, each in value.items()]
    return _texts({"labels": value}, "labels")


def _twice(targets: Iterable[Target]) -> list[str]:
    """Return what is there twice: a name, or a database with the same version table."""
    targets = list(targets)
    problems = [
        f"{count} targets have the name {name!r}"
        for name, count in Counter(target.name for target in targets).items()
        if count > 1
    ]
    places: dict[object, str] = {}
    for target in targets:
        other = places.setdefault(_place(target), target.name)
        if other != target.name:
            problems.append(f"{other!r} and {target.name!r} are the same database and schema")
    return problems


def _place(target: Target) -> object:
    """Return where a target is, as far as its text says."""
    known: tuple[str, ...] = ()
    if target.address is not None:
        parameters = target.address.parameters
        host = parameters.get("host", "").lower()
        known = (host, parameters.get("port") or "5432", parameters.get("dbname", ""))
        if "options" in parameters or "service" in parameters:
            known = (target.url,)
    return known, target.schema, () if target.schema else target.x
