"""Version table, ledger and history over long lives, against a model of what is really there.

`tests/faults` has more of them.
"""

from __future__ import annotations

import pytest

from tests.fixtures.lives import KINDS, check_lives


@pytest.mark.parametrize("kind", KINDS)
def test_lives(kind: str) -> None:
    check_lives(kind, 150)
