"""The project of this checkout: `alembic.ini`, `models/` and `migrations/`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from migration_runner.database.engine import waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.settings.database_url import parse_database_url
from tests.fixtures.databases import Database
from tests.fixtures.runner import ROOT, Migrate


@pytest.fixture
def alembic_config() -> Config:
    """Return what pytest-alembic starts from."""
    return Config(str(ROOT / "alembic.ini"))


@pytest.fixture
def alembic_engine(any_database: Database) -> Iterator[sqlalchemy.Engine]:
    """Return what pytest-alembic connects with."""
    address = parse_database_url(any_database.url)
    engine = waiting_engine(address, WaitLimits(5.0, 5.0), "pytest-alembic")
    yield engine
    engine.dispose()


@pytest.fixture
def history(alembic_config: Config) -> ScriptDirectory:
    """Return the revisions."""
    return ScriptDirectory.from_config(alembic_config)


@pytest.fixture
def template(migrate: Migrate) -> Migrate:
    """Return the command `migrate` for this project."""
    migrate.environment["ALEMBIC_CONFIG"] = str(ROOT / "alembic.ini")
    return migrate
