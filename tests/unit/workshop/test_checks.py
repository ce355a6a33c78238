"""What docs/ says of the checks is what there is."""

from __future__ import annotations

import re

from migration_runner.workshop.checks import CHECKS, NEVER_WAIVED, Group
from tests.fixtures.runner import ROOT

PAGES = [ROOT / "docs" / "verify.md", *(ROOT / "docs" / "verify-parts").glob("*.md")]


def test_each_check_of_history_and_models_has_a_section() -> None:
    titles = {
        title for page in PAGES for title in re.findall(r"(?m)^### ([\w-]+)$", page.read_text())
    }
    checks = {check.name for check in CHECKS.values() if check.group is not Group.HAZARD}
    assert set() == checks - titles


def test_names_are_their_keys_and_can_be_parts_of_an_address() -> None:
    assert [check.name for check in CHECKS.values()] == list(CHECKS)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for name in CHECKS)


def test_what_is_never_waived_exists() -> None:
    assert set() == NEVER_WAIVED - CHECKS.keys()
