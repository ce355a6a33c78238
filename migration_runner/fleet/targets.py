"""The targets of a fleet: each a database or a schema, with a name and labels."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migration_runner.errors import ConfigError
from migration_runner.fleet.target_text import read_words, split_entries
from migration_runner.log.counts import count_of
from migration_runner.log.redaction import redact
from migration_runner.settings.database_url import DatabaseAddress, parse_database_url
from migration_runner.settings.search_path import first_schema

_FIELDS: Final = ("name", "url", "schema", "x", "labels")
_MOST_PROBLEMS: Final = 10
# In a line of the log, and in `--only NAME`.
_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
_LONGEST_NAME: Final = 200
# Of its address and arguments, in all: a run gets them in one message.
_LONGEST_TARGET: Final = 16_384
# A URL without its scheme.
_CREDENTIALS: Final = re.compile(r":.*@", re.DOTALL)


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
    try:
        return make_targets(split_entries(text), origin)
    except ValueError as error:
        message = f"{origin}: not valid JSON: {error}."
        raise ConfigError(message, reason="invalid_targets") from None


def make_targets(found: Iterable[tuple[str, Any]], origin: str) -> list[Target]:
    """Return a target for each text or mapping, with where it stands. Raises `ConfigError`."""
    targets, problems = [], []
    for place, each in found:
        try:
            targets.append(_target(read_words(each) if isinstance(each, str) else each))
        except ValueError as error:
            problems.append(redact(f"{place} {error}"))
    problems += _twice(targets)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        message = f"{origin}: {count_of(len(problems), 'problem')}: {'; '.join(shown)}."
        raise ConfigError(message, reason="invalid_targets", problems=problems[:20])
    return targets


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
    database = address.parameters.get("dbname", "") if address else ""
    name = _text(facts, "name") or schema or database
    _check_name(name)
    if not (url or schema or x):
        message = f"({name}) names no database: add a URL, schema=SCHEMA or x=WORD"
        raise ValueError(message)
    if (size := sum(map(len, (url, schema, *x)))) > _LONGEST_TARGET:
        message = f"({name}) has {size} characters of url, schema and x ({_LONGEST_TARGET} at most)"
        raise ValueError(message)
    return Target(name, address, url, schema, x, labels)


def _check_name(name: str) -> None:
    """Raise `ValueError` for a name that a line of the log should not have."""
    if not name:
        message = "has no name"
    elif len(name) > _LONGEST_NAME:
        message = f"has a name of {len(name)} characters ({_LONGEST_NAME} at most)"
    elif _CREDENTIALS.search(name) or redact(name) != name:
        message = "has a name that looks like a password, or a URL without postgresql://"
    elif not _NAME.fullmatch(name):
        message = f"has the name {name!r}, which has white space or control characters"
    else:
        return
    raise ValueError(message)


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"has a {name} that is not a string"
        raise ValueError(message)  # noqa: TRY004 - as above
    if not _is_plain(value):
        message = f"has a {name} with a line break or an invalid character"
        raise ValueError(message)
    return value.strip()


def _is_plain(text: str) -> bool:
    """Whether a text can be an argument, a variable, and part of a line."""
    return not re.search("[\0\n\r\ud800-\udfff]", text)


def _texts(facts: Mapping[str, Any], name: str) -> list[str]:
    value = facts.get(name) or []
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        message = f"has {name} that are not strings"
        raise ValueError(message)
    if not all(map(_is_plain, found)):
        message = f"has {name} with a line break or an invalid character"
        raise ValueError(message)
    return list(found)


def _labels(value: Any) -> list[str]:
    """Return labels: a list of words, or a mapping, of which each pair is a word `key=value`."""
    if isinstance(value, Mapping):
        # Numbers and booleans as JSON writes them; anything else is refused as no text.
        scalars = (int, float, bool)
        texts = {
            k: json.dumps(each) if isinstance(each, scalars) else each for k, each in value.items()
        }
        value = [f"{k}={each}" if isinstance(each, str) else each for k, each in texts.items()]
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
    """Return where a target is, as far as its text says: the look knows more."""
    schema = first_schema(target.schema)
    return _database(target, schema), schema, () if schema else target.x


def _database(target: Target, schema: str) -> tuple[str, ...]:
    if target.address is None:
        return ()
    parameters = target.address.parameters
    if "options" in parameters or "service" in parameters:
        return (target.url,)
    host, user = parameters.get("host", ""), parameters.get("user", "")
    return (
        host if host.startswith("/") else host.lower(),
        parameters.get("hostaddr", ""),
        parameters.get("port") or "5432",
        parameters.get("dbname") or user,
        # Otherwise its search_path can lead to a schema of its own.
        "" if schema else user,
    )
