"""Why there is no database for the runner's own connection."""

from __future__ import annotations

import pytest

from migration_runner.settings.database_address import explain_missing, load_database_address


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "no database is configured: set DATABASE_URL"),
        ({"DATABASE_URL": " "}, "no database is configured: set DATABASE_URL"),
        ({"DATABASE_URL": "mysql://a:secret@h/x"}, "DATABASE_URL names another kind of database"),
        (
            {"MIGRATE_DATABASE_URL": "sqlite:///shop.db"},
            "MIGRATE_DATABASE_URL names another kind of database",
        ),
    ],
)
def test_why_there_is_none(environment: dict[str, str], reason: str) -> None:
    explained = explain_missing(environment)

    assert load_database_address(environment) is None
    assert reason in explained
    assert "secret" not in explained
