"""The project of this checkout: `alembic.ini`, `models/` and `migrations/`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
import pytest_alembic
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from migration_runner.database.engine import waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.settings.database_url import parse_database_url
from tests.fixtures.databases import Database
from tests.fixtures.runner import ROOT, Migrate

_INI: Final = str(ROOT / "alembic.ini")


@pytest.fixture
def alembic_config() -> pytest_alembic.Config:
    """Return pytest-alembic's options: see docs/template.md."""
    return pytest_alembic.Config(alembic_config=Config(_INI))


@pytest.fixture
def alembic_engine(any_database: Database) -> Iterator[sqlalchemy.Engine]:
    """Return what pytest-alembic connects with."""
    address = parse_database_url(any_database.url)
    engine = waiting_engine(address, WaitLimits(5.0, 5.0), "pytest-alembic")
    yield engine
    engine.dispose()


@pytest.fixture
def history() -> ScriptDirectory:
    """Return the revisions."""
    return ScriptDirectory.from_config(Config(_INI))


@pytest.fixture
def template(migrate: Migrate) -> Migrate:
    """Return the command `migrate` for this project."""
    migrate.environment["ALEMBIC_CONFIG"] = _INI
    return migrate
