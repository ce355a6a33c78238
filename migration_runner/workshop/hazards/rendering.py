"""A statement with its values in it, as one would write it in psql."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from migration_runner.database.sql_literals import plain_literal

_NAMED: Final = re.compile(r"%%|%\((?P<name>[^)]*)\)s")
_PLAIN: Final = re.compile(r"%%|%s")
_DOLLAR: Final = re.compile(r"\$(?P<number>\d+)")
_COLON: Final = re.compile(r"(?<![:\w]):(?P<number>\d+)")


def render(statement: str, parameters: Any, style: str, *, plain: bool = False) -> str:
    """Return the SQL text of a statement with parameters in a driver's style.

    `plain`: it was sent unchanged, and a percent sign in it stands for itself. Of many sets of
    parameters, the first is shown.
    """
    if plain and not parameters:
        return statement.strip()
    values = _first(parameters)
    if style in ("pyformat", "format"):
        return _percent(statement, values).strip()
    if values and isinstance(values, Sequence):
        pattern = _DOLLAR if style == "numeric_dollar" else _COLON
        statement = pattern.sub(
            lambda match: _numbered(values, int(match["number"]), match[0]), statement
        )
    return statement.strip()


def _first(parameters: Any) -> Any:
    """Return the first set of parameters: with executemany there is a list of them."""
    if isinstance(parameters, list) and parameters and isinstance(parameters[0], tuple | dict):
        return parameters[0]
    return parameters


def _percent(statement: str, values: Any) -> str:
    if isinstance(values, Mapping):
        return _NAMED.sub(
            lambda match: "%" if match[0] == "%%" else _mapped(values, match["name"], match[0]),
            statement,
        )
    rest = iter(values or ())
    return _PLAIN.sub(
        lambda match: "%" if match[0] == "%%" else literal_of(next(rest, None)), statement
    )


def _mapped(values: Mapping[str, Any], name: str, text: str) -> str:
    return literal_of(values[name]) if name in values else text


def _numbered(values: Sequence[Any], number: int, text: str) -> str:
    return literal_of(values[number - 1]) if 0 < number <= len(values) else text


def literal_of(value: Any) -> str:
    """Return a Python value as SQL, for people and for a linter to read."""
    match value:
        case None:
            text = "NULL"
        case bool():
            text = str(value).lower()
        case int() | float() | decimal.Decimal():
            text = str(value)
        case bytes() | bytearray() | memoryview():
            text = f"'\\x{bytes(value).hex()}'"
        case list() | tuple():
            text = f"ARRAY[{', '.join(map(literal_of, value))}]"
        case dict():
            text = plain_literal(json.dumps(value, default=str))
        case dt.datetime() | dt.date() | dt.time() | uuid.UUID():
            text = f"'{value}'"
        case _:
            text = plain_literal(str(value))
    return text
