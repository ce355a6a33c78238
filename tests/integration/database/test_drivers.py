"""What the drivers know about their connections."""

from __future__ import annotations

from pathlib import Path

import psycopg
import psycopg2
import pytest

from migration_runner.database.drivers.known import driver_for
from tests.fixtures.databases import Database


def _no_home() -> Path:
    message = "Could not determine home directory."
    raise RuntimeError(message)


@pytest.mark.parametrize("connect", [psycopg.connect, psycopg2.connect])
def test_the_way_to_the_server_is_known_without_a_home(
    connect: type, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container runs a uid that has no entry in passwd."""
    monkeypatch.setattr(Path, "home", _no_home)
    connection = connect(database.url)

    parameters = driver_for(connection).libpq_parameters(connection)

    assert parameters is not None
    with psycopg.connect(**parameters) as other:  # type: ignore[arg-type]  # libpq's own words
        assert (database.name,) == other.execute("SELECT current_database()").fetchone()
    connection.close()


def test_of_another_driver_nothing_is_known() -> None:
    connection = object()
    driver = driver_for(connection)

    known = (driver.login_pid, driver.libpq_parameters, driver.waits_for_answer)
    assert [None, None, None] == [ask(connection) for ask in known]
    with pytest.raises(OSError, match="socket"):
        driver.descriptor(connection)
