"""Every command of the table has its function."""

from __future__ import annotations

import pytest

from migration_runner.cli.command_table import BY_NAME, Command


@pytest.mark.parametrize("command", BY_NAME.values(), ids=BY_NAME)
def test_a_command_has_its_function(command: Command) -> None:
    function = command.function()

    assert callable(function)
    assert function.__module__.startswith("migration_runner.commands.")
