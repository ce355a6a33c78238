"""The order of a fleet: waves of targets, one after the other.

A file in YAML or JSON describes them; docs/fleet-waves.schema.json is its schema:

    waves:
      - name: staging
        match: [ring=staging]
        order: name
        parallel: 8
        on_error: stop
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migration_runner.errors import ConfigError, UsageError
from migration_runner.fleet.numbers import parse_number
from migration_runner.fleet.selection import require_labels
from migration_runner.fleet.targets import Target
from migration_runner.log.bounds import shorten

ORDERS: Final = ("listed", "name")
ON_ERROR: Final = ("continue", "stop")
_FIELDS: Final = ("name", "match", "order", "parallel", "on_error")
CANARY: Final = "canary"
REST: Final = "others"
_LONGEST_WORD: Final = 40
_LONGEST_REASON: Final = 400


@dataclass(frozen=True)
class Rule:
    """Which targets are in a wave: those with one of the labels that are in no earlier one.

    `parallel` at a time, None for no limit of its own. `on_error`: whether a failure stops the
    fleet.
    """

    name: str
    match: tuple[str, ...]
    order: str = "listed"
    parallel: int | None = None
    on_error: str = "continue"


@dataclass(frozen=True)
class Wave:
    """The targets of a wave, in their order."""

    name: str
    targets: Sequence[Target]
    parallel: int | None = None
    stops: bool = False


def plan_waves(
    targets: Sequence[Target],
    everything: Sequence[Target],
    *,
    canary: str = "",
    rules: Sequence[Rule] = (),
) -> list[Wave]:
    """Return the waves of `targets`: the canary, the rules', and one for what is in none.

    `canary` is a label, or the number of targets. Raises `UsageError` for a label that none of
    `everything` has: of a shard, there can be none by chance.
    """
    left = list(targets)
    waves = []
    if canary.isascii() and canary.isdecimal():
        count = parse_number(canary)
        if not count:
            given = shorten(canary, _LONGEST_WORD)
            message = f"--canary must be a label, or a number of targets from 1 (it is {given!r})."
            raise UsageError(message)
        waves.append(Wave(CANARY, left[:count], stops=True))
        left = left[count:]
        canary = ""
    canaries = [Rule(CANARY, (canary,), on_error="stop")] if canary else []
    for rule in (*canaries, *rules):
        require_labels(rule.match, everything)
        chosen = [target for target in left if target.labels & {*rule.match}]
        left = [target for target in left if not target.labels & {*rule.match}]
        if rule.order == "name":
            chosen.sort(key=lambda target: target.name)
        waves.append(Wave(rule.name, chosen, rule.parallel, stops=rule.on_error == "stop"))
    waves.append(Wave(REST, left))
    return [wave for wave in waves if wave.targets]


def read_rules(path: str) -> list[Rule]:
    """Read the waves' file. Raises `ConfigError`."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid UTF-8"
        raise _invalid(path, f"cannot be read: {reason}") from None
    found = _parse(path, text)
    if not isinstance(found, Mapping) or found.keys() != {"waves"}:
        raise _invalid(path, "must have `waves`, and nothing else")
    if not isinstance(found["waves"], list) or not found["waves"]:
        raise _invalid(path, "`waves` must be a list of at least one")
    rules = []
    for number, each in enumerate(found["waves"], 1):
        try:
            rules.append(_rule(each))
        except ValueError as error:
            raise _invalid(path, f"wave {number} {error}") from None
    name, count = Counter(rule.name for rule in rules).most_common(1)[0]
    if count > 1:
        raise _invalid(path, f"{count} waves have the name {name!r}")
    return rules


def _parse(path: str, text: str) -> Any:
    """Parse JSON, or YAML, which needs a library that a run does not have."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _invalid(path, f"it is not valid JSON: {_why(error)}") from None
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        message = "YAML needs PyYAML: pip install 'migration-runner[fleet]', or write it as JSON"
        raise _invalid(path, message) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date that there is not is a `ValueError`.
        raise _invalid(path, f"it is not valid YAML: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(shorten(str(error), _LONGEST_REASON).split())


def _rule(facts: Any) -> Rule:
    if not isinstance(facts, Mapping):
        message = "is not a mapping"
        raise ValueError(message)  # noqa: TRY004 - one kind of error for a wrong wave
    if unknown := sorted(str(name) for name in facts.keys() - {*_FIELDS}):
        message = (
            f"has {shorten(unknown[0], _LONGEST_WORD)!r}, which is none of {', '.join(_FIELDS)}"
        )
        raise ValueError(message)
    name, match = facts.get("name"), facts.get("match")
    if not isinstance(name, str) or not name:
        message = "has no name, or one that is not a string"
        raise ValueError(message)
    labels = [match] if isinstance(match, str) else match
    if not isinstance(labels, list) or not labels or not all(map(_is_label, labels)):
        message = f"({name}) must have labels in `match`"
        raise ValueError(message)
    parallel = _read_parallel(facts["parallel"], name) if "parallel" in facts else None
    chosen = {"order": facts.get("order", ORDERS[0]), "on_error": facts.get("on_error", "continue")}
    for option, allowed in (("order", ORDERS), ("on_error", ON_ERROR)):
        if chosen[option] not in allowed:
            message = f"({name}): `{option}` must be one of {', '.join(allowed)}"
            raise ValueError(message)
    return Rule(name, tuple(labels), chosen["order"], parallel, chosen["on_error"])


def _is_label(found: Any) -> bool:
    return isinstance(found, str) and bool(found)


def _read_parallel(found: Any, name: str) -> int:
    # 8.0 is an integer in JSON Schema; True is one in Python only.
    whole = type(found) is int or (isinstance(found, float) and found.is_integer())
    if not whole or found < 1:
        message = f"({name}): `parallel` must be a number from 1"
        raise ValueError(message)
    return int(found)


def _invalid(path: str, problem: str) -> ConfigError:
    return ConfigError(f"--waves {path}: {problem}.", reason="invalid_waves", file=path)
