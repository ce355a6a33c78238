"""Version table, ledger and history over thousands of lives of a database: a model, no server."""

from __future__ import annotations

import os

import pytest

from tests.fixtures.lives import KINDS, check_lives

FAULTS = int(os.environ.get("FAULTS") or 0)
# In `make test-all`, and `make faults`.
LIVES = (2_000 if FAULTS < 100 else 10_000) if FAULTS else 100


@pytest.mark.parametrize("kind", KINDS)
def test_lives(kind: str) -> None:
    check_lives(kind, LIVES)
