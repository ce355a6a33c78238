"""The error, and so the exit code, of a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.errors import HazardFound, HistoryError, SchemaDrift
from migration_runner.workshop import result as result_module
from migration_runner.workshop.checks import CHECKS, Check, Group, Level
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.result import VerifyResult, verdict

HISTORY = Finding("asymmetric", "The table stays.", "Drop it.", "r1", Path("r1.py"), 3)
MODELS = Finding("models-differ", "The column x is missing.")
HAZARD = Finding("a-hazard", "It scans orders.", file=Path("r2.py"))
NOTE = Finding("unused-waiver", "env is waived.")


@pytest.fixture(autouse=True)
def _hazard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a hazard that is a warning."""
    check = Check("a-hazard", Group.HAZARD, Level.WARNING, "It is slow.")
    monkeypatch.setattr(result_module, "CHECKS", {**CHECKS, "a-hazard": check})


def _verdict(*findings: Finding, fail_on: Level | None = Level.WARNING) -> object:
    found = verdict(VerifyResult(findings, 1, 1), fail_on)
    return None if found is None else type(found)


def test_the_history_comes_first_then_the_models_then_the_hazards() -> None:
    assert HistoryError is _verdict(HAZARD, MODELS, HISTORY)
    assert SchemaDrift is _verdict(HAZARD, MODELS)
    assert HazardFound is _verdict(HAZARD)
    assert None is _verdict()


def test_hazards_count_from_a_level_on() -> None:
    assert HazardFound is _verdict(HAZARD, fail_on=Level.NOTE)
    assert None is _verdict(HAZARD, fail_on=Level.ERROR)
    assert None is _verdict(HAZARD, fail_on=None)
    assert HistoryError is _verdict(HISTORY, fail_on=None)


def test_what_is_waived_and_a_note_do_not_count() -> None:
    waived = Finding("asymmetric", "The table stays.", waived="It has data.")

    assert None is _verdict(waived, NOTE)


def test_the_error_names_the_first_and_counts_the_rest() -> None:
    found = verdict(VerifyResult([MODELS, HISTORY, Finding("env", "No."), NOTE], 1, 1), None)

    assert found is not None
    assert "2 findings in the history: No (env). And 1 more." == found.message
    assert {"reason": "verify", "findings": 2, "checks": ["env", "asymmetric"]} == found.facts
    alone = verdict(VerifyResult([HISTORY], 1, 1), None)
    assert alone is not None
    assert (
        "1 finding in the history: The table stays (asymmetric, r1.py). Drop it." == alone.message
    )
