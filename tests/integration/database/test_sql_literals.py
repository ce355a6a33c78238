"""Values written into statements arrive as they were."""

from __future__ import annotations

import pytest

from migration_runner.database.sql_literals import Value, literal
from tests.fixtures.databases import Database

ODD = "it's \\ a \"quote\" \\' $$ %s %% :name ; -- 日本 \n\t"


@pytest.mark.parametrize("strings", ["on", "off"])
@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (None, None),
        ("", ""),
        (ODD, ODD),
        ("one\0two", "one\N{REPLACEMENT CHARACTER}two"),
        (0.0, 0.0),
        (1e-05, 1e-05),
        (-3.25, -3.25),
        ((), []),
        ((ODD, "two"), [ODD, "two"]),
    ],
)
def test_a_value_arrives_as_it_was(
    database: Database, value: Value, arrives: object, strings: str
) -> None:
    with database.connect() as connection:
        connection.execute(f"SET standard_conforming_strings = {strings}".encode())
        row = connection.execute(f"SELECT {literal(value)}".encode()).fetchone()

    assert (arrives,) == row
