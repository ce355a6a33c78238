"""Whatever is logged becomes a line: of any type, and with any characters."""

from __future__ import annotations

import enum
import json
import logging

import pytest
import structlog

from migration_runner.log import logs

Capture = pytest.CaptureFixture[str]
ESCAPES = "a\x1b]0;owned\x07b\x9b31mc\u202ed\u2028e\x7ff\rg"
FORGED = "a docstring\n12:00:00  forged\r\n12:00:01  again"


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


class _Kind(enum.IntEnum):
    ONE = 1


def test_values_of_every_type(capfd: Capture) -> None:
    logs.configure_logging("json", "info")
    endless: list[object] = []
    endless.append(endless)
    facts = {
        "surrogate": "caf\udce9",
        "nul": "a\0b",
        "nan": float("nan"),
        "bytes": b"\xff",
        "kind": _Kind.ONE,
        "unprintable": _Unprintable(),
        "keys": {("a", 1): {2}, "db_password": "canary", "caf\udce9": None},
        "endless": endless,
        "password": "canary",
        "tokens": 3,
    }

    logs.get_logger().info("everything", **facts)

    text = capfd.readouterr().out
    line = json.loads(text)
    assert "canary" not in text
    assert ("caf\\udce9", "a\0b", "nan", "b'\\xff'", 1, "<_Unprintable>", 3) == tuple(
        line[name] for name in ("surrogate", "nul", "nan", "bytes", "kind", "unprintable", "tokens")
    )
    assert {"('a', 1)": [2], "db_password": "***", "caf\\udce9": None} == line["keys"]
    assert "[[" in text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_escape_sequence_and_no_forged_line(capfd: Capture, log_format: str) -> None:
    logs.configure_logging(log_format, "info")

    logs.get_logger().info(
        "revision_started", revision="r1", description=f"{ESCAPES}{FORGED}", number=1, of=1
    )
    logs.get_logger().info("something_else", **{f"{ESCAPES}key": FORGED})
    logging.getLogger("theirs").warning("%s", f"{ESCAPES}{FORGED}")

    text = capfd.readouterr().out
    obeyed = [character for character in text if not character.isprintable()]
    assert {"\n"} == {*obeyed}
    assert [] == [line for line in text.splitlines() if line.startswith("12:00:0")]
    if log_format == "json":
        started, _, theirs = map(json.loads, text.splitlines())
        assert f"{ESCAPES}{FORGED}" == started["description"]
        assert f"{ESCAPES}{FORGED}" == theirs["event"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_of_ours_is_not_forged_by_its_name(capfd: Capture, log_format: str) -> None:
    logs.configure_logging(log_format, "info")

    logging.getLogger("theirs").warning("run_finished")
    structlog.get_logger().info("run_finished", exit_code=0)

    lines = capfd.readouterr().out.splitlines()
    assert 2 == len(lines)
    for line, name in zip(lines, ("theirs", "structlog"), strict=True):
        assert name in line
        assert "✓" not in line
