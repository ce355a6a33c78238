"""What a run tells: outcome, exit code, sentence, termination message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner import errors
from migration_runner.log import logs
from migration_runner.report.finish import finish
from migration_runner.report.report import AppliedRevision, RunReport
from migration_runner.report.termination import (
    TERMINATION_MESSAGE_BYTES,
    render_termination_message,
)
from tests.fixtures.clock import FakeClock

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _json_lines() -> None:
    logs.configure_logging("json", "info")


def _report() -> RunReport:
    return RunReport(run_id="1", clock=FakeClock())


def _last_line(capfd: Capture) -> dict[str, object]:
    return dict(json.loads(capfd.readouterr().out.splitlines()[-1]))


@pytest.mark.parametrize(
    ("error", "outcome", "code", "level"),
    [
        (None, "up_to_date", 0, "info"),
        (errors.RevisionFailed("It failed."), "failed", 1, "error"),
        (errors.TemporaryFailure("Busy."), "failed", 75, "error"),
        (errors.Interrupted(15), "interrupted", 143, "warning"),
        (errors.Interrupted(2), "interrupted", 130, "warning"),
        (RuntimeError("a bug"), "failed", 70, "error"),
    ],
)
def test_outcome_exit_code_and_level(
    capfd: Capture, error: BaseException | None, outcome: str, code: int, level: str
) -> None:
    assert code == finish(_report(), error)

    finished = _last_line(capfd)
    assert ("run_finished", outcome, code, level) == (
        finished["event"],
        finished["outcome"],
        finished["exit_code"],
        finished["level"],
    )


def test_only_the_first_end_is_told(capfd: Capture) -> None:
    report = _report()

    assert 143 == finish(report, errors.Interrupted(15))
    finish(report, None)

    assert 1 == capfd.readouterr().out.count("run_finished")


def test_a_failure_says_what_was_kept(capfd: Capture) -> None:
    report = _report()
    report.from_revisions, report.to_revisions = ["a"], ["b"]
    report.applied.append(AppliedRevision("b", "B.", 0.1))

    finish(report, errors.RevisionFailed("Revision c failed."))

    summary = _last_line(capfd)["summary"]
    assert "Revision c failed. This run applied 1 revision; the database is at b." == summary


def test_a_failure_before_the_database_says_so(capfd: Capture) -> None:
    finish(_report(), errors.ConfigError("Wrong."))

    assert "Wrong. The database was not touched." == _last_line(capfd)["summary"]


def test_a_bug_has_its_traceback_before_the_last_line(capfd: Capture) -> None:
    try:
        int("a bug")
    except ValueError as error:
        finish(_report(), error)

    failed, finished = map(json.loads, capfd.readouterr().out.splitlines())
    assert "test_report.py" in failed["exception"]
    assert "Internal error, a bug in the migration runner: ValueError: " in finished["summary"]


def test_the_last_line_ignores_the_log_level(capfd: Capture) -> None:
    logs.configure_logging("json", "error")

    finish(_report())

    assert "run_finished" == _last_line(capfd)["event"]


def test_a_termination_log_that_is_not_there_is_not_made(tmp_path: Path, capfd: Capture) -> None:
    report = _report()
    report.termination_log = tmp_path / "nothing"

    assert 0 == finish(report)

    assert not report.termination_log.exists()
    assert "run_finished" == _last_line(capfd)["event"]


LONG_TEXTS = st.builds(lambda text, times: text * times, st.text(max_size=9), st.integers(0, 2000))


@given(LONG_TEXTS, st.integers(0, 400), LONG_TEXTS)
def test_a_termination_message_fits_whatever_it_says(
    summary: str, revisions: int, detail: str
) -> None:
    facts = {
        "outcome": "failed",
        "exit_code": 1,
        "run_id": "1",
        "applied": [{"revision": f"{number:012x}"} for number in range(revisions)],
        "error": {"detail": detail},
    }

    message = render_termination_message(summary, facts, {"applied": revisions})

    assert len(message) <= TERMINATION_MESSAGE_BYTES
    result = json.loads(message.decode().rstrip("\n").rpartition("\n")[2])
    assert ("failed", 1, "1") == (result["outcome"], result["exit_code"], result["run_id"])
