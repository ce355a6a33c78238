"""Every revision of the set: hazards are found, each by its check, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.workshop.checks import CHECKS, Level
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk import lint
from tests.fixtures.captured import Ran, load
from tests.fixtures.hazards import HARMLESS, HAZARDS, Shop, ShopFactory


def _found(shop: Shop, path: Path, ran: Ran) -> list[Finding]:
    breaking = [path.stem] if hasattr(load(path), "breaks_before") else []
    major = shop.server.major
    linted = lint(ran.statements, major=major, breaking=breaking)
    assert "" == linted.problem
    return [*judge(ran.statements, major=major, breaking=breaking), *linted.findings]


def _alarms(findings: list[Finding]) -> list[str]:
    return [each.check for each in findings if CHECKS[each.check].level >= Level.WARNING]


# An older and the newest major version, each with a driver of another kind.
_STACKS = [
    pytest.param(15, "psycopg", id="postgres15-psycopg"),
    pytest.param(18, "asyncpg", id="postgres18-asyncpg"),
]
# asyncpg has one statement at a time.
_SCRIPTS = {"index_in_script"}


@pytest.mark.parametrize(("major", "driver"), _STACKS)
@pytest.mark.parametrize("path", HAZARDS, ids=lambda path: path.stem)
def test_a_hazard_is_found(shops: ShopFactory, path: Path, major: int, driver: str) -> None:
    shop = shops(major)
    if driver == "asyncpg" and path.stem in _SCRIPTS:
        driver = "psycopg"
    ran = shop.run(path, driver)
    assert {load(path).expected} == {*_alarms(_found(shop, path, ran))}


@pytest.mark.parametrize(("major", "driver"), _STACKS)
@pytest.mark.parametrize("path", HARMLESS, ids=lambda path: path.stem)
def test_a_harmless_revision_raises_no_alarm(
    shops: ShopFactory, path: Path, major: int, driver: str
) -> None:
    shop = shops(major)
    ran = shop.run(path, driver)
    assert "" == ran.error
    assert [] == _alarms(_found(shop, path, ran))
