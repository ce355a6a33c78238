"""What docs/ says of the checks is what there is."""

from __future__ import annotations

import re

from migration_runner.documentation import check_page
from migration_runner.workshop.checks import CHECKS, NEVER_WAIVED
from tests.fixtures.runner import ROOT

PAGE = ROOT / "docs" / "verify.md"


def test_each_check_has_a_section_and_each_section_a_check() -> None:
    sections = re.findall(r"(?m)^### (.+)$", PAGE.read_text())
    assert sorted(CHECKS) == sorted(sections)


def test_a_message_links_to_the_section() -> None:
    # A title of lower-case words and hyphens is its own anchor.
    assert all(check_page(name).endswith(f"/{PAGE.stem}.html#{name}") for name in CHECKS)


def test_names_are_their_keys_and_can_be_parts_of_an_address() -> None:
    assert [check.name for check in CHECKS.values()] == list(CHECKS)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for name in CHECKS)


def test_what_is_never_waived_exists() -> None:
    assert set() == NEVER_WAIVED - CHECKS.keys()
