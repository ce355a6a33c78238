"""What is printed becomes log records, as a terminal would show it."""

from __future__ import annotations

import json

import pytest

from migration_runner.log import capture, logs


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (["one\ntwo\n"], ["one", "two"]),
        (["o", "n", "e\n"], ["one"]),
        (["\r1 of 3", "\r2 of 3", "\r3 of 3", "\n", "done\n"], ["3 of 3", "done"]),
        (["1 of 2\r", "2 of 2\r"], ["2 of 2"]),
        (["\r1", "0", "\r2", "0"], ["20"]),
        (["dos\r\n", "ends\r", "\n"], ["dos", "ends"]),
        (["\n", "a\n"], ["", "a"]),
        (["caf\udce9\n"], ["caf\\udce9"]),
    ],
)
def test_lines(printed: list[str], lines: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging("json", "info")

    with capture.captured_prints():
        for text in printed:
            print(text, end="", flush=True)  # noqa: T201 - as a revision does

    written = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert lines == written


def test_what_is_overwritten_is_not_kept() -> None:
    """A progress bar of millions of steps takes neither memory nor quadratic time."""
    lines = capture._PrintedLines()  # noqa: SLF001 - its memory has no public name

    for number in range(1000):
        lines.write(b"\r%d of 1000" % number)

    assert 1 == len(lines._rest)  # noqa: SLF001 - as above


def test_a_line_without_an_end_takes_no_more_memory_than_its_beginning(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs.configure_logging("json", "info")
    lines = capture._PrintedLines()  # noqa: SLF001 - its memory has no public name
    for _ in range(3000):
        lines.write(b"." * 1000)
    kept = sum(map(len, lines._rest))  # noqa: SLF001 - as above

    lines.write(b"the end\n")

    assert kept < 1_050_000
    assert f" and {3_000_007 - 1_048_576 + 4096} more bytes" in capfd.readouterr().out
