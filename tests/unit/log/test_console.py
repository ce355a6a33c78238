"""What a person reads on a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from migration_runner.log import events, logs

Capture = pytest.CaptureFixture[str]
FIRST_RUN: dict[str, Any] = {
    "summary": "Applied 1 revision in 0.1 s: base -> r1.",
    "exit_code": 0,
    "from_revisions": [],
    "applied": [{"revision": "r1", "duration_seconds": 0.1}],
}


def _last_lines(capfd: Capture, **facts: Any) -> list[str]:
    logs.configure_logging("console", "info")
    logs.write_last_line(events.RUN_FINISHED, **{**FIRST_RUN, **facts})
    first, *others = capfd.readouterr().out.splitlines()
    return [first[len("12:34:56  ") :], *others]


def test_the_first_run_says_what_comes_next(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXT_STEPS", raising=False)
    assert [
        "✓ Applied 1 revision in 0.1 s: base -> r1.",
        "            Next: migrate status",
    ] == _last_lines(capfd)

    monkeypatch.setenv("NEXT_STEPS", "make run A=status")
    assert "            Next: make run A=status" == _last_lines(capfd)[-1]


@pytest.mark.parametrize(
    "facts",
    [
        {"from_revisions": ["r0"]},
        {"applied": [], "from_revisions": ["r1"]},
        {"applied": []},
        {"exit_code": 1, "summary": "Revision r2 failed."},
    ],
)
def test_other_runs_do_not(capfd: Capture, facts: dict[str, Any]) -> None:
    assert 1 == len(_last_lines(capfd, **facts))
