"""What became of all targets: counts, the worst exit code, and never more than a line can hold."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.fleet.results import (
    FAILED,
    INTERRUPTED,
    NOT_STARTED,
    OUTCOMES,
    WORST_FIRST,
    Result,
    Results,
)
from migration_runner.log import logs
from migration_runner.log.bounds import LONGEST_LINE
from migration_runner.report.finish import finish
from migration_runner.report.report import RunReport
from migration_runner.report.termination import TERMINATION_MESSAGE_BYTES

ROOT = Path(__file__).resolve().parents[3]
FLEET_MD = (ROOT / "docs" / "fleet.md").read_text()
EXIT_CODES_MD = (ROOT / "docs" / "exit-codes.md").read_text()


def _results(*results: Result, missing: int = 0, stopped: str = "") -> Results:
    names = [each.target for each in results] + [f"missing{n}" for n in range(missing)]
    found = Results(names)
    for each in results:
        found.add(each)
    found.stopped = stopped
    return found


def _failed(name: str, code: int = 1, summary: str = "It failed.") -> Result:
    return Result(name, FAILED, code, summary=summary, reason="revision_failed")


def _documented_order() -> list[int]:
    text = " ".join(FLEET_MD.split())
    found = re.search(r"worst failure, in this order: ([\d, ]+)\.", text)
    assert found is not None
    return [int(each) for each in found[1].split(", ")]


def test_the_order_of_exit_codes_is_the_documented_one() -> None:
    """And each of them is in docs/exit-codes.md."""
    assert _documented_order() == list(WORST_FIRST)
    for code in WORST_FIRST:
        assert re.search(rf"^\| `?{code}`? ", EXIT_CODES_MD, re.MULTILINE), code


@pytest.mark.parametrize(("worse", "better"), itertools.pairwise(_documented_order()))
def test_the_worst_exit_code_wins(worse: int, better: int) -> None:
    """Whichever target was first."""
    for codes in ((worse, better), (better, worse), (better, better, worse)):
        results = _results(*(_failed(f"t{n}", code) for n, code in enumerate(codes)))
        error = results.error()
        assert error is not None
        assert worse == error.exit_code


@given(st.lists(st.sampled_from(WORST_FIRST), min_size=1))
def test_an_engine_retries_only_what_a_retry_can_do(codes: list[int]) -> None:
    """As docs/fleet.md promises: 69 and 75 are the answer only if all failures are such."""
    error = _results(*(_failed(f"t{n}", code) for n, code in enumerate(codes))).error()
    assert error is not None
    assert (error.exit_code in (69, 75)) == ({*codes} <= {69, 75})


def test_without_a_failure_there_is_no_error() -> None:
    """Those that were interrupted or not started are the signal's affair."""
    assert (
        None is _results(Result("a", "applied"), Result("b", INTERRUPTED, 143), missing=1).error()
    )


def test_an_exit_code_that_no_run_has_can_be_retried() -> None:
    """Another program's, for example: nothing is known about it."""
    error = _results(_failed("a", 137)).error()
    assert error is not None
    assert 75 == error.exit_code


def test_outcomes_are_counted_in_the_documented_order() -> None:
    """With those that have no result; others that a run may have come last."""
    results = _results(
        Result("a", "up_to_date"), Result("b", "ahead"), _failed("c"), Result("d", "applied"),
        Result("e", INTERRUPTED, 143), Result("f", "other"), Result("g", "applied"), missing=2,
    )  # fmt: skip
    expected = {
        "applied": 2, "up_to_date": 1, "ahead": 1, FAILED: 1, INTERRUPTED: 1, NOT_STARTED: 2,
        "other": 1,
    }  # fmt: skip
    assert list(expected.items()) == list(results.count().items())
    table = FLEET_MD.partition("| Outcome | |\n|---|---|\n")[2].partition("\n\n")[0]
    first = " ".join(line.split("|")[1] for line in table.splitlines())
    assert [*OUTCOMES] == re.findall(r"`(\w+)`", first)


def test_results_are_in_the_order_of_the_list() -> None:
    """Whatever has ended first; a later result of a target replaces the earlier one."""
    results = Results(["a", "b", "c"])
    results.add(_failed("c"))
    results.add(Result("a", "applied"))
    results.add(Result("c", "applied"))
    assert [("a", "applied"), ("b", NOT_STARTED), ("c", "applied")] == [
        (each.target, each.outcome) for each in results.all()
    ]


def test_the_slowest_come_first() -> None:
    """Five of them, of those that have run."""
    timed = [Result(f"t{n}", "applied", seconds=n / 10) for n in (3, 1, 7, 5, 2, 6)]
    results = _results(*timed, Result("looked", "up_to_date"))
    assert ["t7", "t6", "t5", "t3", "t2"] == [each.target for each in results.slowest()]


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (_results(), "0 targets: nothing to do."),
        (_results(Result("a", "up_to_date")), "1 target: 1 up to date."),
        (
            _results(Result("a", "applied"), Result("b", "up_to_date")),
            "2 targets: 1 applied, 1 up to date.",
        ),
        (
            _results(_failed("a"), Result("b", "applied")),
            "2 targets: 1 applied, 1 failed. Failed: a. Fix what failed, then run again.",
        ),
        (
            _results(*(_failed(f"t{n}") for n in range(7))),
            "7 targets: 7 failed. Failed: t0, t1, t2, t3, t4 and 2 more."
            " Fix what failed, then run again.",
        ),
        (
            _results(_failed("a"), missing=2, stopped="more than 1 target failed"),
            "3 targets: 1 failed, 2 not started. Failed: a."
            " The others were not started, since more than 1 target failed."
            " Fix what failed, then run again.",
        ),
        (
            # Another try may do.
            _results(_failed("a", 69), _failed("b", 75), missing=1),
            "3 targets: 2 failed, 1 not started. Failed: a, b. Run again for what is left.",
        ),
        (
            # The last one has failed: there were no others.
            _results(_failed("a"), stopped="a target failed"),
            "1 target: 1 failed. Failed: a. Fix what failed, then run again.",
        ),
    ],
)
def test_the_sentence(results: Results, sentence: str) -> None:
    """Nothing in it that is not so."""
    assert sentence == results.sentence()


def test_without_a_result_a_target_that_was_started_is_interrupted() -> None:
    results = Results(["a", "b", "c"])
    results.add(Result("a", "applied"))
    for name in ("a", "b"):
        results.begin(name)

    assert {"applied": 1, "interrupted": 1, "not_started": 1} == results.count()


def test_what_is_not_known_is_in_no_result() -> None:
    """Neither a duration that was not measured, nor revisions that were not read."""
    assert {"target": "a", "outcome": NOT_STARTED, "exit_code": 0, "applied": []} == Result(
        "a", NOT_STARTED
    ).facts()


@pytest.mark.parametrize("letter", ["x", "é", "\n", '"', "\x1b", "😀"])
def test_a_line_holds_any_number_of_failures(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, letter: str
) -> None:
    """10,000 targets of which 5,000 failed, each with long texts: counts and first names stay."""
    logs.configure_logging("json", "info")
    results = Results([f"tenant_{n:05}" for n in range(10_000)])
    for number in range(10_000):
        name = f"tenant_{number:05}"
        if number % 2:
            results.add(_failed(name, 75, letter * 5000))
        else:
            results.add(Result(name, "applied", applied=["r"] * 50, seconds=number / 1000))
    file = tmp_path / "termination-log"
    file.touch()
    report = RunReport("run", termination_log=file)
    report.fleet = results
    assert 75 == finish(report, results.error())
    line = capfd.readouterr().out.splitlines()[-1]
    message = file.read_bytes()

    assert len(line.encode()) < LONGEST_LINE
    assert len(message) <= TERMINATION_MESSAGE_BYTES
    summary = (
        "10000 targets: 5000 applied, 5000 failed. Failed: tenant_00001, tenant_00003,"
        " tenant_00005, tenant_00007, tenant_00009 and 4995 more. Run again for what is left."
    )
    sentence, _, rest = message.decode().partition("\n")
    said = json.loads(line)
    assert (summary, summary) == (said["summary"], sentence)
    for facts in (said, json.loads(rest)):
        assert (10_000, {"applied": 5000, "failed": 5000}) == (
            facts["fleet"]["targets"],
            facts["fleet"]["outcomes"],
        )
        assert "tenant_00001" == facts["fleet"]["failed"][0]["target"]
        assert ("failed", 75) == (facts["outcome"], facts["exit_code"])
    assert 20 == len(said["fleet"]["failed"])
