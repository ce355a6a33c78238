"""A report of many version tables is short, and still says what matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from migration_runner.database.version_tables import Place, name_place
from migration_runner.errors import MigrationError, RevisionFailed, TemporaryFailure
from migration_runner.log import logs
from migration_runner.log.bounds import CUT, LONGEST_LINE
from migration_runner.report.finish import finish
from migration_runner.report.report import AppliedRevision, RunReport
from migration_runner.run.tenant_failures import TenantFailures
from tests.fixtures.clock import FakeClock

_REVISIONS = [f"{number:012x}" for number in range(20)]


@pytest.fixture(autouse=True)
def _json_lines() -> None:
    logs.configure_logging("json", "info")


def _place(number: int) -> Place:
    return "shop", f"tenant_{number:06}_with_a_name_that_is_rather_long", "alembic_version"


def _report(tables: int, *, failing: int = 0, ahead: int = 0) -> RunReport:
    """Return the report of a run on so many tables; the first ones fail or are ahead."""
    report = RunReport(run_id="1", clock=FakeClock())
    failures = TenantFailures(report)
    for number in range(tables):
        place = _place(number)
        report.note_heads(place, ())
        if number < failing:
            failures.add(place, RevisionFailed("It failed. " * 200, revision="r7"))
        elif number < failing + ahead:
            report.outcomes[place] = "ahead"
        else:
            report.applied += [AppliedRevision(each, "", 0.1, place) for each in _REVISIONS]
            report.note_heads(place, _REVISIONS[-1:])
            report.outcomes[place] = "applied"
    return report


def _worst(report: RunReport) -> MigrationError | None:
    try:
        TenantFailures(report).raise_worst()
    except MigrationError as error:
        return error
    return None


def _last(capfd: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], int]:
    line = capfd.readouterr().out.splitlines()[-1]
    return json.loads(line), len(line)


@pytest.mark.parametrize("tables", [2, 20, 21, 300, 5000])
@pytest.mark.parametrize("failing", [0, 1, 2, 250])
def test_nothing_is_cut(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, tables: int, failing: int
) -> None:
    report = _report(tables, failing=min(failing, tables))
    report.termination_log = tmp_path / "termination"
    report.termination_log.touch()

    finish(report, _worst(report))

    finished, size = _last(capfd)
    assert size < LONGEST_LINE
    assert CUT not in finished
    counts = finished["version_table_counts"]
    failed = min(failing, tables)
    assert (tables, failed, tables - failed) == (
        counts["total"],
        counts.get("failed", 0),
        counts.get("applied", 0),
    )
    assert min(failed, 20) == len(finished.get("failed_version_tables", []))
    _, result = report.termination_log.read_text().splitlines()
    assert counts == json.loads(result)["version_table_counts"]


def test_revisions_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    finish(_report(300))

    finished, _ = _last(capfd)
    assert [(each, 300, 30.0) for each in _REVISIONS] == [
        tuple(each.values()) for each in finished["applied"]
    ]
    assert ([], _REVISIONS[-1:]) == (finished["from_revisions"], finished["to_revisions"])
    assert "version_tables" not in finished
    summary = (
        f"Applied 6000 revisions on 300 of 300 version tables in 0.0 s: base -> {_REVISIONS[-1]}."
    )
    assert summary == finished["summary"]


def test_heads_are_listed_once_and_not_all(capfd: pytest.CaptureFixture[str]) -> None:
    report = RunReport(run_id="1", clock=FakeClock())
    for number in range(900):
        report.note_heads(_place(number), [f"r{number % 300}"])

    finish(report, TemporaryFailure("Busy."))

    finished, _ = _last(capfd)
    assert [f"r{number}" for number in range(20)] == finished["to_revisions"]
    assert (
        "of the 900 version tables that env.py has reached, 3 at r0, 3 at r1, 3 at r2, 891 "
        in (finished["summary"])
    )
    assert {"total": 900, "unfinished": 900} == finished["version_table_counts"]


def test_one_that_is_ahead_does_not_stand_for_all(capfd: pytest.CaptureFixture[str]) -> None:
    report = _report(3, ahead=1)
    report.ahead = "Ahead: the database is at x."

    finish(report)

    finished, _ = _last(capfd)
    assert {"total": 3, "ahead": 1, "applied": 2} == finished["version_table_counts"]
    assert "Applied 40 revisions on 2 of 3 version tables" in finished["summary"]
    assert finished["summary"].endswith("1 of 3 version tables is ahead of this image.")


def test_the_worst_failure_decides(capfd: pytest.CaptureFixture[str]) -> None:
    report = _report(3)
    failures = TenantFailures(report)
    failures.add(_place(0), TemporaryFailure("Busy."))
    failures.add(_place(1), RevisionFailed("Broken."))

    assert 1 == finish(report, _worst(report))

    finished, _ = _last(capfd)
    named = ", ".join(name_place(_place(number)) for number in (0, 1))
    assert (
        f"2 of 3 version tables failed: {named}. Busy. Broken. This run applied"
        in (finished["summary"])
    )


def test_what_is_forgotten_is_unknown() -> None:
    report = _report(2)

    report.forget_end(_place(0))
    assert report.to_revisions is None
    report.note_heads(_place(0), ["r9"])
    assert {*_REVISIONS[-1:], "r9"} == {*(report.to_revisions or ())}
    report.forget_heads(_place(1))
    assert ["r9"] == report.to_revisions
    report.forget_heads(_place(0))
    assert (None, None) == (report.from_revisions, report.to_revisions)
