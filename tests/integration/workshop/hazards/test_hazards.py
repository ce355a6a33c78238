"""Every revision of the set: hazards are found, each by its check, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.workshop.checks import CHECKS, Level
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk import lint
from tests.fixtures.hazards import HARMLESS, HAZARDS, Ran, Shop, load


def _found(shop: Shop, path: Path, ran: Ran) -> list[Finding]:
    breaking = [path.stem] if hasattr(load(path), "breaks_before") else []
    major = shop.server.major
    linted = lint(ran.statements, major=major, breaking=breaking)
    assert "" == linted.problem
    return [*judge(ran.statements, major=major, breaking=breaking), *linted.findings]


def _alarms(findings: list[Finding]) -> list[str]:
    return [each.check for each in findings if CHECKS[each.check].level >= Level.WARNING]


@pytest.mark.parametrize("path", HAZARDS, ids=lambda path: path.stem)
def test_a_hazard_is_found(shop: Shop, path: Path) -> None:
    ran = shop.run(path)
    findings = _found(shop, path, ran)
    assert {load(path).expected} == {*_alarms(findings)}


@pytest.mark.parametrize("path", HARMLESS, ids=lambda path: path.stem)
def test_a_harmless_revision_raises_no_alarm(shop: Shop, path: Path) -> None:
    ran = shop.run(path)
    assert "" == ran.error
    assert [] == _alarms(_found(shop, path, ran))
