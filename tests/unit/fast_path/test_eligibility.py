"""The fast path's settings are a part of what the runner takes, and mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.fast_path.eligibility import ordinary
from migration_runner.settings.settings import load_settings
from migration_runner.settings.variables import VARIABLES

WORDS = ("on", "off", "true", "false", "session", "detect", "head", "json", "info", "require", "")
NAMES = [variable.name for variable in VARIABLES]


@given(
    st.dictionaries(
        # Some are misspelt.
        st.sampled_from(NAMES) | st.sampled_from(NAMES).map(lambda name: name[:-1]),
        st.sampled_from(WORDS)
        | st.from_regex(r"[0-9]{1,5}(\.[0-9])?(ms|s|m|h|d)?", fullmatch=True)
        | st.text("0٣s -", max_size=3),
    )
)
def test_it_takes_no_wrong_setting(environment: dict[str, str]) -> None:
    if ordinary(environment):
        settings = load_settings(environment, needs_project=False)
        assert "info" == settings.log_level
        assert "" == settings.role
        assert () == settings.histories
        assert None is settings.run_lock_key
        assert "on" == settings.ledger == settings.run_lock


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_is_unset(name: str) -> None:
    assert ordinary({name: ""})


@pytest.mark.parametrize("value", ["", "on"])
@pytest.mark.parametrize("name", ["MIGRATE_TARGTE", "MIGRATE_", "PGOPTIONS", "PGHOST", "PGROLE"])
def test_another_variable_is_for_the_full_path(name: str, value: str) -> None:
    assert not ordinary({name: value})
