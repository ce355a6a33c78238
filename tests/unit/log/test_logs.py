"""One stream, one format, no secrets."""

from __future__ import annotations

import json
import logging
import warnings

import pytest

from migration_runner.log import capture, logs, streams

Capture = pytest.CaptureFixture[str]
SECRET = 'p@ss/w:rd %"\\x'


@pytest.fixture(autouse=True)
def _json_lines() -> None:
    logs.configure_logging("json", "info")


def test_everybodys_lines_come_out_as_json(capfd: Capture) -> None:
    logs.bind(run_id="run-1")
    logging.getLogger("sqlalchemy.engine").warning("theirs %s", 1)
    with capture.captured_prints():
        print("printed")  # noqa: T201 - as a revision does
        print("without its end", end="")  # noqa: T201 - as a revision does
    logs.get_logger().info("ours", attempt=1)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        capture.capture_log_records()
        warnings.warn("careful", stacklevel=1)
    logging.captureWarnings(capture=False)

    theirs, printed, rest, ours, warning = map(json.loads, capfd.readouterr().out.splitlines())

    assert ("theirs 1", "warning", "sqlalchemy.engine") == (
        theirs["event"],
        theirs["level"],
        theirs["logger"],
    )
    assert ("printed", "print") == (printed["event"], printed["logger"])
    assert "without its end" == rest["event"]
    assert ("ours", 1) == (ours["event"], ours["attempt"])
    assert "careful" in warning["event"]
    assert {"run-1"} == {line["run_id"] for line in (theirs, printed, rest, ours, warning)}


def test_every_line_starts_alike(capfd: Capture) -> None:
    logs.get_logger().info("ours", attempt=1)

    line = json.loads(capfd.readouterr().out)

    assert ["timestamp", "level", "event"] == list(line)[:3]


def test_a_level_hides_what_is_below_it(capfd: Capture) -> None:
    logs.configure_logging("json", "warning")
    logs.get_logger().info("hidden")
    logs.get_logger().warning("shown")

    assert ["shown"] == [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]


def test_what_is_not_unicode_does_not_stop_the_log(capfd: Capture) -> None:
    streams.write_line("lone \ud800 surrogate")

    assert "lone \\ud800 surrogate\n" == capfd.readouterr().out
