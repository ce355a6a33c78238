"""The settings are checked as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration_runner.errors import ConfigError
from migration_runner.settings.database_address import load_database_address
from migration_runner.settings.settings import load_settings

URL = "postgresql://user:canary-password@host/db"


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    """Return the path of an alembic.ini."""
    path = tmp_path / "alembic.ini"
    path.write_text("[alembic]\n")
    return str(path)


def test_defaults(configuration: str) -> None:
    """A URL is enough."""
    settings = load_settings({"DATABASE_URL": URL, "ALEMBIC_CONFIG": configuration})

    assert "head" == settings.target
    assert 60 == settings.wait_timeout
    assert settings.run_lock_key is None


def test_a_flag_wins(configuration: str) -> None:
    """The command line is nearer than the environment."""
    settings = load_settings(
        {"DATABASE_URL": URL, "MIGRATE_TARGET": "a"},
        {"target": "b", "alembic_config": configuration},
    )

    assert "b" == settings.target


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """A typo gets the nearest name, and the password is not shown."""
    environment = {
        "DATABASE_URL": URL,
        "DATABASE_URL_FILE": "x",
        "MIGRATE_WAIT_TIMOUT": "1s",
        "MIGRATE_RUN_LOCK_KEY": "x",
        "MIGRATE_CONNECT_TIMEOUT": "soon",
        "ALEMBIC_CONFIG": str(tmp_path / "missing.ini"),
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)

    problems = caught.value.facts["problems"]
    assert 5 == len(problems)
    assert "did you mean MIGRATE_WAIT_TIMEOUT?" in caught.value.message
    assert "canary" not in caught.value.message


def test_the_url_from_a_file(configuration: str, tmp_path: Path) -> None:
    """As a secret is mounted; the trailing newline does not count."""
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    settings = load_settings({"DATABASE_URL_FILE": str(file), "ALEMBIC_CONFIG": configuration})

    assert settings.database is not None
    assert "db" == settings.database.parameters["dbname"]


def test_white_space_around_the_url_is_no_part_of_it() -> None:
    address = load_database_address({"DATABASE_URL": " postgresql://shop@db/shop\n"})

    assert address is not None
    assert {"user": "shop", "host": "db", "dbname": "shop"} == address.parameters


@pytest.mark.parametrize(
    "text", ["\ufeffpostgresql://shop@db/shop\r\n", "postgresql://shop@db/shop"]
)
def test_a_file_as_editors_write_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "url"
    file.write_text(text, encoding="utf-8")

    found = load_database_address({"DATABASE_URL_FILE": str(file)})

    assert found is not None
    assert "shop" == found.parameters["dbname"]


def test_two_urls_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="more than one line"):
        load_database_address({"DATABASE_URL": "postgresql://a@b/c\npostgresql://d@e/f"})


def test_a_configuration_that_this_user_cannot_read(
    configuration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ConfigParser takes such a file for an empty one."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(ConfigError, match=r"cannot be read by uid \d+: make it readable"):
        load_settings({"DATABASE_URL": URL, "ALEMBIC_CONFIG": configuration})
