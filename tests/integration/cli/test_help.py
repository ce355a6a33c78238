"""Help as somebody at a terminal sees it."""

from __future__ import annotations

import pytest

from migration_runner import __version__
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.terminal import run_on_terminal


@pytest.mark.parametrize("words", [["help"], ["help", "settings"], ["help", "downgrade"]])
def test_help_is_all_that_is_printed_and_fits(
    project: Project, migrate: Migrate, words: list[str]
) -> None:
    screen = run_on_terminal(project, migrate, *words)

    assert 0 == screen.exit_code, screen.text
    assert screen.text.startswith(("usage: migrate ", "Every setting is "))
    assert "migrate help settings" in screen.text or words == ["help", "settings"]
    assert [] == [line for line in screen.text.splitlines() if len(line) > 80]


def test_the_version(migrate: Migrate) -> None:
    result = migrate.run("--version")

    assert (0, f"migrate {__version__}\n", "") == (result.exit_code, result.stdout, result.stderr)
