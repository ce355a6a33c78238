"""What a person reads on a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from migration_runner.log import console, events, logs

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


RUNNING: dict[str, Any] = {"revision": "r1", "running_seconds": 12.3}
TUPLES: dict[str, Any] = {"blocks_done": None, "tuples_done": 3, "tuples_total": None}
WAITERS: dict[str, Any] = {
    "count": 2,
    "longest_seconds": 8.2,
    "tables": ["orders", "users"],
    "own": False,
}
BLOCKER: dict[str, Any] = {"application_name": "", "role": "shop", "pid": 7}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "… r1  12 s"),
        ({"waits_for": "Timeout: PgSleep"}, "… r1  12 s, waiting: PgSleep"),
        (
            {"waits_for": "Lock: relation", "blockers": [BLOCKER]},
            "… r1  12 s, waiting: relation lock, blocked by shop (pid 7)",
        ),
        (
            {"progress": {"phase": "building index", "blocks_done": 1, "blocks_total": 2}},
            "… r1  12 s, building index 1/2 blocks",
        ),
        ({"progress": {"phase": "sorting live tuples"}}, "… r1  12 s, sorting live tuples"),
        (
            {"progress": {"phase": "loading", "blocks_total": 0, **TUPLES, "tuples_total": 9}},
            "… r1  12 s, loading 3/9 tuples",
        ),
        ({"progress": {"phase": None, **TUPLES}}, "… r1  12 s, 3 tuples"),
        ({"waiting_behind": None}, "… r1  12 s"),
        (
            {"waiting_behind": WAITERS},
            "… r1  12 s, blocks 2 sessions on orders, users for up to 8 s",
        ),
        (
            {"waiting_behind": {**WAITERS, "count": 1, "tables": [], "longest_seconds": None}},
            "… r1  12 s, blocks 1 session",
        ),
        (
            {"waiting_behind": {**WAITERS, "own": True}},
            "… r1  12 s, blocks another connection of this process",
        ),
        ({"progress": {"done": 3, "total": 10, "unit": "files"}}, "… r1  12 s, 3 of 10 files"),
        ({"progress": {"done": 3, "total": None, "unit": "rows"}}, "… r1  12 s, 3 rows"),
    ],
)
def test_a_heartbeat(capfd: Capture, facts: dict[str, Any], line: str) -> None:
    logs.configure_logging("console", "info")

    logs.get_logger().info(events.REVISION_RUNNING, **RUNNING, **facts)

    assert line == capfd.readouterr().out.rstrip("\n")[len("12:34:56  ") :]


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("COMMIT", "… COMMIT  12 s, waiting: SyncRep"),
        (None, "… waiting for the server  12 s, waiting: SyncRep"),
    ],
)
def test_a_statement_of_no_revision(capfd: Capture, statement: str | None, line: str) -> None:
    logs.configure_logging("console", "info")

    logs.get_logger().info(
        events.STATEMENT_RUNNING,
        running_seconds=12.3,
        statement=statement,
        waits_for="IPC: SyncRep",
    )

    assert line == capfd.readouterr().out.rstrip("\n")[len("12:34:56  ") :]


@pytest.mark.parametrize(
    ("holder", "who"),
    [
        (None, "another session"),
        ({"application_name": "migrate 1 host", "pid": 7}, "migrate 1 host (pid 7)"),
        ({"application_name": "", "role": None, "pid": 7}, "a session (pid 7)"),
    ],
)
def test_who_holds_the_run_lock(capfd: Capture, holder: dict[str, Any] | None, who: str) -> None:
    logs.configure_logging("console", "info")

    logs.get_logger().info(events.RUN_LOCK_BUSY, holder=holder, remaining_seconds=9.7)

    line = f"waiting for the run lock, held by {who}; giving up in 10 s"
    assert capfd.readouterr().out.endswith(f"  {line}\n")


def test_every_event_is_a_sentence() -> None:
    """All but an error of the runner's own, which is a traceback."""
    names = {value for name, value in vars(events).items() if name.isupper()}

    assert {events.RUN_FAILED} == names - console._SENTENCES.keys()  # noqa: SLF001 - what it has


@pytest.mark.parametrize(
    ("event", "facts", "said"),
    [
        (events.REVISIONS_ADOPTED, {"count": 1}, "recorded 1 revision applied without the ledger"),
        (events.REVISIONS_ADOPTED, {"count": 2}, "recorded 2 revisions applied without the ledger"),
        (events.HISTORY_CHECKED, {"revisions": 1, "heads": ["a", "b"]}, "1 revision, head a, b"),
        (
            events.PROCESSES_LEFT,
            {"command": "sh", "ended": 1, "running": 2},
            "sh has left 1 process running, which the runner ended; 2 processes could not be ended",
        ),
        (
            events.MANIFEST_WRITTEN,
            {"file": "f", "sealed": True, "fast_path_off": "a link"},
            "manifest written: f, sealed; no fast path: a link",
        ),
    ],
)
def test_counts_and_the_lines_of_a_build(
    capfd: Capture, event: str, facts: dict[str, Any], said: str
) -> None:
    logs.configure_logging("console", "info")
    logs.get_logger().info(event, **facts)

    assert said == capfd.readouterr().out.rstrip("\n")[len("12:34:56  ") :]
