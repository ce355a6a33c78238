"""Statements with their values, in each driver's style."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from migration_runner.workshop.hazards.rendering import literal_of, render


@pytest.mark.parametrize(
    ("statement", "parameters", "style", "expected"),
    [
        ("SELECT %(a)s, '100%%'", {"a": 1}, "pyformat", "SELECT 1, '100%'"),
        ("SELECT %(a)s", {}, "pyformat", "SELECT %(a)s"),
        ("SELECT %s, %s LIKE 'a%%'", ("x", None), "format", "SELECT 'x', NULL LIKE 'a%'"),
        ("SELECT $1, $2, $3", ("x", 2), "numeric_dollar", "SELECT 'x', 2, $3"),
        ("SELECT :1::text, a::int", ("x",), "numeric", "SELECT 'x'::text, a::int"),
        ("INSERT %(a)s", [{"a": 1}, {"a": 2}], "pyformat", "INSERT 1"),
        ("INSERT $1", [(1,), (2,)], "numeric_dollar", "INSERT 1"),
        (" SELECT $1 ", (), "numeric_dollar", "SELECT $1"),
    ],
)
def test_values_are_put_in(statement: str, parameters: Any, style: str, expected: str) -> None:
    assert expected == render(statement, parameters, style)


def test_what_was_sent_unchanged_is_unchanged() -> None:
    assert "SELECT '%%', '%s'" == render("SELECT '%%', '%s'", (), "format", plain=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (1.5, "1.5"),
        (Decimal("2.50"), "2.50"),
        (b"\x01\xff", "'\\x01ff'"),
        ([1, "a'b"], "ARRAY[1, 'a''b']"),
        ({"a": "it's"}, "'{\"a\": \"it''s\"}'"),
        (dt.date(2026, 11, 26), "'2026-11-26'"),
        (uuid.UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
    ],
)
def test_a_value_is_sql(value: Any, expected: str) -> None:
    assert expected == literal_of(value)
