"""No line is longer than 16 KiB; what is cut is counted, and whole at debug."""

from __future__ import annotations

import json
import logging
import random
from typing import Any

import pytest

from migration_runner.log import logs
from migration_runner.log.bounds import LONGEST_LINE, fit, shorten, shorten_bytes
from migration_runner.log.facts import clean_facts, render_json

Capture = pytest.CaptureFixture[str]

CHARACTERS = ["x", "\0", "ü", "😀", "\udce9", '"', "\\", "\x9b", "\n"]


def _facts(seed: int) -> dict[str, Any]:
    """Return facts of any shape, from small to a hundred times too long."""
    dice = random.Random(seed)  # noqa: S311 - any will do

    def text() -> str:
        return dice.choice(CHARACTERS) * dice.choice([0, 1, 9, 90, 900])

    def value(depth: int) -> Any:
        kind = dice.randrange(5 if depth else 3)
        if kind > 2:
            count = dice.choice([0, 1, 3, 9])
            inner = [value(depth - 1) for _ in range(count)]
            return inner if kind == 3 else {f"{text()}{n}": each for n, each in enumerate(inner)}
        return [text(), dice.random(), None][kind]

    count = dice.choice([1, 9, 60])
    return {f"{text() if dice.random() < 0.1 else ''}{number}": value(2) for number in range(count)}


@pytest.mark.parametrize("seed", range(60))
def test_every_line_fits_and_is_json(seed: int) -> None:
    facts = clean_facts({**_facts(seed), "event": "run_finished", "exit_code": 1})

    line, cut = fit(facts, render_json)

    assert len(line.encode()) < LONGEST_LINE
    read = json.loads(line)
    assert ("run_finished", 1) == (read["event"], read["exit_code"])
    assert bool(cut) == ("cut" in read)


def test_what_is_cut_is_counted() -> None:
    facts = {
        "event": "run_finished",
        "applied": [{"revision": f"{number:012x}", "seconds": 0.1} for number in range(3000)],
        "error": {"detail": "y" * 1_000_000, "hint": "short"},
    }

    line, _ = fit(facts, json.dumps)

    read = json.loads(line)
    assert 3000 == len(read["applied"]) + read["cut"]["applied"]
    assert 1_000_000 == len(read["error"]["detail"]) - 1 + read["cut"]["error.detail"]
    assert "short" == read["error"]["hint"]


def test_too_many_fields_leave_the_important_ones() -> None:
    facts = {**{f"{number}" * 50: "y" * 50 for number in range(5000)}, "run_id": "1", "event": "e"}

    line, _ = fit(facts, json.dumps)

    read = json.loads(line)
    assert ("e", "1") == (read["event"], read["run_id"])
    assert len(line) < LONGEST_LINE


def test_the_end_of_a_text_stays() -> None:
    assert "Traceback (mostx…rror: no" == shorten("Traceback (most" + "x" * 100 + "Error: no", 25)
    assert "ü…" == shorten_bytes("ü" * 9, 5)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_of_the_log_is_longer(capfd: Capture, log_format: str) -> None:
    logs.configure_logging(log_format, "info")

    logs.get_logger().info("revision_failed", revision="r1", file="r1.py", detail="ü" * 100_000)
    logging.getLogger("theirs").warning("é" * 100_000)
    logs.write_last_line("run_finished", summary="x" * 100_000 + " The end.", exit_code=1)

    lines = capfd.readouterr().out.splitlines(keepends=True)
    assert LONGEST_LINE >= max(len(line.encode()) for line in lines)
    assert lines[-1].strip().endswith(("}", "of summary"))
    assert any("The end." in line for line in lines)
    assert 3 == sum('"cut"' in line or "cut: " in line for line in lines)


def test_at_debug_the_whole_comes_before_the_line(capfd: Capture) -> None:
    logs.configure_logging("json", "debug")
    detail = "".join(f"{number} \0ü" for number in range(5000))

    logs.write_last_line("run_finished", exit_code=1, error={"detail": detail})

    *parts, last = map(json.loads, capfd.readouterr().out.splitlines())
    assert "run_finished" == last["event"]
    assert {("field_cut", "run_finished", "error")} == {
        (part["event"], part["of"], part["field"]) for part in parts
    }
    assert list(range(1, len(parts) + 1)) == [part["part"] for part in parts]
    assert {"detail": detail} == json.loads("".join(part["text"] for part in parts))
