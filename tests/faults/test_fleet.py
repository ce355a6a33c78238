"""A fleet in every state, with a canary and a budget; killed, continued, and killed again.

24 databases; 100 in CI, and 300 in the longer form: FAULTS sets that.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.fixtures.fleet import HISTORY, NEWER, FleetOfDatabases
from tests.fixtures.postgres import free_port
from tests.fixtures.runner import Result, Running

FAULTS = int(os.environ.get("FAULTS") or 0)
SIZE = 300 if FAULTS >= 100 else 100 if FAULTS else 24
AHEAD = SIZE // 10
BEHIND = SIZE // 6
BROKEN = ("conflict", "missing", "refused", "unknown", "closed")
CANARIES = 3
AT_HEAD = SIZE - AHEAD - BEHIND - len(BROKEN)
JOBS = ("--jobs", "4", "--wait-timeout", "1s")


@pytest.fixture
def whole(fleet: FleetOfDatabases) -> FleetOfDatabases:
    """Return the fleet in every state; one of the canaries cannot be upgraded."""
    fleet.move_template("r2")
    for number in range(BEHIND):
        fleet.add(f"behind{number}", *(["canary"] if number < 2 else []))
    fleet.add("conflict", "canary").query("CREATE TABLE t_r3 ()")
    fleet.move_template("r3")
    for number in range(AT_HEAD):
        fleet.add(f"head{number}")
    fleet.add("unknown").query("UPDATE alembic_version SET version_num = 'another'")
    newer = fleet.project.table(NEWER, f"t_{NEWER}")
    fleet.move_template(NEWER)
    newer.unlink()
    for number in range(AHEAD):
        fleet.add(f"ahead{number}")
    url = fleet.template.url
    fleet.lines["missing"] = f"missing {url}_nowhere"
    fleet.lines["refused"] = f"refused {url.replace(fleet.template.owner, 'nobody_here')}"
    closed = f":{free_port()}/"
    fleet.lines["closed"] = f"closed {url.replace(f':{fleet.server.port}/', closed)}"
    return fleet


def _outcomes(result: Result) -> dict[str, int]:
    found: dict[str, int] = result.finished["fleet"]["outcomes"]
    return found


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_for_results(running: Running, count: int) -> None:
    for _ in range(count):
        running.wait_for_event("target_finished", outcome="applied")


def test_a_fleet(whole: FleetOfDatabases) -> None:
    status = whole.run("status")
    found = json.loads(status.stdout)
    assert {
        "at head": AT_HEAD,
        "behind": BEHIND + 1,
        "not in this image": AHEAD + 1,
        "refused": 2,
        "unreachable": 1,
    } == found["relations"]

    # One of the canaries fails: nothing else is started.
    canary = whole.run("--canary", "canary", *JOBS)
    assert 1 == canary.exit_code, canary.stdout
    stopped = _outcomes(canary)
    assert (AT_HEAD, 1) == (stopped["up_to_date"], stopped["failed"])
    assert SIZE - AT_HEAD - CANARIES <= stopped["not_started"]
    [failed] = [each for each in canary.of("target_finished") if each["outcome"] == "failed"]
    assert "conflict" == failed["target"]
    assert failed["command"].endswith(" --only conflict")

    # It is repaired, alone. Then too many of the others fail: those that run finish.
    whole.databases["conflict"].query("DROP TABLE t_r3")
    assert 0 == whole.run("--only", "conflict").exit_code
    budget = whole.run("--canary", "canary", "--max-failures", "2", *JOBS)
    assert "more than 2 targets failed" == budget.finished["fleet"]["stopped"]
    assert 3 <= _outcomes(budget)["failed"] <= len(BROKEN) - 1

    # What is left, as far as it can be done.
    last = whole.run(*JOBS)
    assert 65 == last.exit_code, last.stdout
    counts = Counter(_outcomes(last))
    assert AT_HEAD + BEHIND + 1 == counts["up_to_date"] + counts["applied"]
    assert (AHEAD, len(BROKEN) - 1, 0) == (
        *(counts["ahead"], counts["failed"], counts["not_started"]),
    )
    reasons = {each["target"]: each["exit_code"] for each in last.finished["fleet"]["failed"]}
    assert {"missing": 77, "refused": 77, "unknown": 65, "closed": 69} == reasons
    for name in whole.databases:
        expected = [*HISTORY, NEWER] if name.startswith("ahead") else [*HISTORY]
        assert expected == whole.recorded(name), name


@pytest.mark.parametrize("victim", ["the fleet", "its worker", "a run"])
def test_killed_and_continued(victim: str, fleet: FleetOfDatabases) -> None:
    fleet.move_template("r1")
    for number in range(SIZE // 2):
        fleet.add(f"t{number}")

    running = fleet.migrate.start_command(
        [fleet.migrate.python, "-m", "migration_runner", "fleet", "--targets", str(fleet.file)]
    )
    _wait_for_results(running, 2)
    pid = running.process.pid
    if victim == "the fleet":
        running.kill()
    else:
        [worker] = _children(pid)
        found = [worker] if victim == "its worker" else _children(worker)[:1]
        for each in found:
            os.kill(each, signal.SIGKILL)
    first = running.wait()
    fleet.wait_for_the_end_of_all_runs()
    second = fleet.run()

    assert 0 == second.exit_code, second.stdout
    if victim == "the fleet":
        assert second.finished["fleet"]["outcomes"]["applied"] > 0
    else:
        assert 0 == first.exit_code, first.stdout
        assert {"up_to_date": SIZE // 2} == _outcomes(second)
    assert {name: [*HISTORY] for name in fleet.databases} == {
        name: fleet.recorded(name) for name in fleet.databases
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_runs(number: signal.Signals, fleet: FleetOfDatabases) -> None:
    """Each ends as a single run does: rolled back, unlocked, reported."""
    fleet.project.revision("r4", "op.execute('SELECT pg_sleep(3600)')")
    fleet.move_template("r3")
    for name in ("a", "b", "c", "d", "e"):
        fleet.add(name)

    running = fleet.start("--jobs", "4")
    for name in ("a", "b", "c", "d"):
        fleet.databases[name].wait_until(
            "1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    running.signal(number)
    result = running.wait()

    assert 128 + number == result.exit_code, result.stdout
    assert {"interrupted": 4, "not_started": 1} == _outcomes(result)
    assert "Run again for what is left." in result.finished["summary"]
    fleet.wait_for_the_end_of_all_runs()
    for name in fleet.databases:
        assert [*HISTORY] == fleet.recorded(name)
