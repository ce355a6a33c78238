"""What the verbs name is there."""

from __future__ import annotations

import pytest

from migration_runner.verbs import ALEMBICS, VERBS, Verb


@pytest.mark.parametrize("verb", [*VERBS, *ALEMBICS], ids=lambda verb: verb.name)
def test_a_verb_has_its_command(verb: Verb) -> None:
    command = verb.command()

    assert callable(command)
    assert command.__module__.startswith("migration_runner.commands.")
