"""A result, and a working directory for its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migration_runner.workshop.finding import Finding
from migration_runner.workshop.result import VerifyResult


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, without a workflow of GitHub's around it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


@pytest.fixture
def result(here: Path) -> VerifyResult:
    """Return a result with a finding of each kind."""
    first, second = here / "versions" / "r1.py", here / "versions" / "r2.py"
    return VerifyResult(
        [
            Finding("unused-waiver", "env is waived.", "Remove it.", "r2", second, 3),
            Finding("asymmetric", "The type stays.", "Drop it.", "r2", second, 20),
            Finding("several-heads", "There are two heads: r1, r2.", "Merge them."),
            Finding("downgrade-fails", "No table.\nIt is gone.", "", "r1", first, 9),
            Finding("asymmetric", "The table stays.", "", "r1", first, 12, "It has\ndata."),
        ],
        2,
        15,
        "PostgreSQL 18.6, started for this command",
        ["The extension postgis is missing."],
        "it is not installed",
    )


def plain(*findings: Finding, **more: Any) -> VerifyResult:
    """Return a result with these findings."""
    return VerifyResult(findings, **{"revisions": 1, "all_revisions": 1, **more})
