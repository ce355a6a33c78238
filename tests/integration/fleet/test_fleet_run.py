"""Each target of a fleet is run as `migrate` would run it alone, whatever its env.py is like."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import POOLED
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.fleet import HISTORY, FleetOfDatabases
from tests.fixtures.project import ALEMBIC_INI, Project
from tests.fixtures.runner import Migrate

# As many applications do: the settings are read when the module is imported.
SETTINGS_PY = "import os\n\nURL = os.environ['DATABASE_URL']\n"
ENV_WITH_SETTINGS = ENV_SOURCES["own"].replace('os.environ["DATABASE_URL"]', "settings.URL")
X_ENV = """\
from alembic import context

tenant = context.get_x_argument(as_dictionary=True)["tenant"]
connection = context.config.attributes["connection"]
connection.exec_driver_sql(f'SET search_path TO "{tenant}"')
connection.commit()
connection.dialect.default_schema_name = tenant
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
"""
SLEEPS = "op.execute('SELECT pg_sleep(3600)')"
ASLEEP = (
    "1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%'"
    " AND datname = current_database() AND pid <> pg_backend_pid()"
)


def _applied_everywhere(fleet: FleetOfDatabases) -> bool:
    return all([*HISTORY] == fleet.recorded(name) for name in fleet.databases)


def _declare_nothing(fleet: FleetOfDatabases) -> None:
    (fleet.project.folder / "alembic.ini").write_text(ALEMBIC_INI)


@pytest.mark.parametrize("kind", ENV_SOURCES)
def test_every_kind_of_env(kind: str, fleet: FleetOfDatabases) -> None:
    options = "transaction_per_migration=True"
    fleet.project.write_env(ENV_SOURCES[kind].format(options=options))
    _declare_nothing(fleet)
    for name in ("a", "b", "c"):
        fleet.add(name)

    first, second = (fleet.run(**POOLED) for _ in range(2))

    assert {"applied": 3} == first.finished["fleet"]["outcomes"], first.stdout
    # It declares nothing, so each is run.
    assert {"up_to_date": 3} == second.finished["fleet"]["outcomes"]
    assert 3 == len(second.of("target_finished"))
    assert _applied_everywhere(fleet)


def test_an_application_that_reads_its_url_when_it_is_imported(fleet: FleetOfDatabases) -> None:
    """In a process of several targets, all would be the first one's database."""
    (fleet.project.folder / "settings.py").write_text(SETTINGS_PY)
    env = ENV_WITH_SETTINGS.format(options="transaction_per_migration=True")
    fleet.project.write_env(f"import settings\n{env}")
    _declare_nothing(fleet)
    for name in ("a", "b", "c", "d", "e"):
        fleet.add(name)

    result = fleet.run("--jobs", "1", **POOLED)

    assert {"applied": 5} == result.finished["fleet"]["outcomes"], result.stdout
    assert _applied_everywhere(fleet)


def test_an_env_that_connects_elsewhere_changes_nothing(fleet: FleetOfDatabases) -> None:
    env = ENV_SOURCES["own"].format(options="transaction_per_migration=True")
    fleet.project.write_env(env.replace("DATABASE_URL", "SHOP_URL"))
    _declare_nothing(fleet)
    fleet.add("a")
    elsewhere = fleet.add("elsewhere")

    result = fleet.run("--only", "a", SHOP_URL=elsewhere.url, **POOLED)

    assert 78 == result.exit_code, result.stdout
    [failed] = result.finished["fleet"]["failed"]
    assert ("a", "other_database") == (failed["target"], failed["reason"])
    for name in fleet.databases:
        assert [] == fleet.databases[name].query(
            "SELECT FROM pg_tables WHERE schemaname = 'public'"
        )


@pytest.mark.parametrize("way", ["search_path", "x", "x and schema"])
def test_schemas_of_one_database(
    way: str, database: Database, project: Project, migrate: Migrate
) -> None:
    for name in HISTORY:
        project.table(name, f"t_{name}")
    project.declare()
    if way != "search_path":
        project.write_env(X_ENV)
    tenants = ("acme", "bolt", "Crate")
    for tenant in tenants:
        database.query(f'CREATE SCHEMA "{tenant}"')
    words = {
        "search_path": '{0} schema="{0}"',
        "x": "{0} x=tenant={0}",
        "x and schema": '{0} x=tenant={0} schema="{0}"',
    }[way]
    targets = project.folder / "targets"
    targets.write_text("\n".join(words.format(tenant) for tenant in tenants))

    first, second = (
        migrate.run("fleet", "--targets", str(targets), DATABASE_URL=database.url) for _ in range(2)
    )

    assert {"applied": 3} == first.finished["fleet"]["outcomes"], first.stdout
    assert {"up_to_date": 3} == second.finished["fleet"]["outcomes"], second.stdout
    # Where only env.py knows the schema, it has to be asked.
    assert (3 if way == "x" else 0) == len(second.of("target_finished"))
    assert {(tenant, 3) for tenant in tenants} == set(
        database.query(
            "SELECT version_table_schema, count(*) FROM migration_runner.ledger GROUP BY 1"
        )
    )


def test_waves_begin_one_after_the_other(fleet: FleetOfDatabases) -> None:
    waves = fleet.project.folder / "waves.yaml"
    waves.write_text(
        "waves:\n- name: second ring\n  match: [ring=2]\n  order: name\n  parallel: 1\n"
    )
    for name, *labels in (("z", "ring=2"), ("first", "canary"), ("rest",), ("y", "ring=2")):
        fleet.add(name, *labels)

    result = fleet.run("--canary", "canary", "--waves", str(waves))

    assert 0 == result.exit_code, result.stdout
    said = [
        each.get("wave") or each["target"]
        for each in result.events
        if each["event"] in ("wave_started", "target_finished")
    ]
    assert ["canary", "first", "second ring", "y", "z", "others", "rest"] == said


def test_a_target_that_takes_long_says_so(fleet: FleetOfDatabases) -> None:
    fleet.project.revision("r4", SLEEPS)
    fleet.add("slow")

    running = fleet.start(MIGRATE_HEARTBEAT="200ms")
    said = running.wait_for_event("revision_running")
    running.signal(signal.SIGTERM)
    result = running.wait()

    assert ("slow", "r4") == (said["target"], said["revision"])
    assert 143 == result.exit_code


def test_a_run_that_is_killed_again_and_again(fleet: FleetOfDatabases) -> None:
    fleet.project.revision("r4", SLEEPS)
    killed = fleet.add("killed")
    killed.query("CREATE TABLE seen (pid int)")
    running = fleet.start()

    for _ in range(2):
        killed.wait_until(ASLEEP)
        worker = _child_of(running.process.pid)
        os.kill(_child_of(worker), signal.SIGKILL)
        killed.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND query LIKE '%pg_sleep(3600)%'"
        )
        killed.wait_until(f"1 WHERE NOT EXISTS (SELECT {ASLEEP})")
    result = running.wait()

    assert 75 == result.exit_code, result.stdout
    assert 1 == len(result.of("target_retried"))
    [failed] = result.finished["fleet"]["failed"]
    assert ("killed", 75, "killed") == tuple(
        failed[name] for name in ("target", "exit_code", "reason")
    )
    assert "signal 9" in failed["summary"]
    assert [*HISTORY] == fleet.recorded("killed")


def test_a_second_signal_ends_the_fleet_at_once(fleet: FleetOfDatabases) -> None:
    """The last line has what is known until then."""
    fleet.project.revision("r4", SLEEPS)
    for name in ("a", "b", "c"):
        fleet.add(name)
    running = fleet.start("--jobs", "2")
    for name in ("a", "b"):
        fleet.databases[name].wait_until(ASLEEP)
    worker = _child_of(running.process.pid)
    # So that no run can end in time.
    os.kill(worker, signal.SIGSTOP)
    try:
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGINT)
        running.process.wait(60)
    finally:
        os.kill(worker, signal.SIGCONT)
    result = running.wait()

    assert result.exit_code in (130, 143)
    assert {"interrupted": 2, "not_started": 1} == result.finished["fleet"]["outcomes"]
    assert result.finished["summary"].endswith("Some targets may still be rolling back.")
    fleet.wait_for_the_end_of_all_runs()
    assert [*HISTORY] == fleet.recorded("a")


def test_a_run_that_somebody_else_ends(fleet: FleetOfDatabases) -> None:
    """It is no loss of a process: it has rolled back and said so, and is run again."""
    fleet.project.revision("r4", SLEEPS)
    ended = fleet.add("ended")
    running = fleet.start()

    ended.wait_until(ASLEEP)
    os.kill(_child_of(_child_of(running.process.pid)), signal.SIGTERM)
    retried = running.wait_for_event("target_retried")
    running.signal(signal.SIGTERM)
    result = running.wait()

    assert "The run was ended by a signal that is not the fleet's." == retried["detail"]
    assert 143 == result.exit_code, result.stdout
    assert [*HISTORY] == fleet.recorded("ended")


def test_a_killed_worker_takes_its_runs_with_it(fleet: FleetOfDatabases) -> None:
    """One that works for hours would go on, and nobody would hear of its end."""
    fleet.project.revision("r4", SLEEPS)
    slow = fleet.add("slow")
    running = fleet.start()

    slow.wait_until(ASLEEP)
    os.kill(_child_of(running.process.pid), signal.SIGKILL)
    running.wait_for_event("target_retried")
    running.signal(signal.SIGTERM)

    assert 143 == running.wait().exit_code
    assert [*HISTORY] == fleet.recorded("slow")


def test_targets_that_are_all_ahead(fleet: FleetOfDatabases) -> None:
    newer = fleet.project.table("r4", "t_r4")
    fleet.move_template("r4")
    newer.unlink()
    fleet.add("a")

    result = fleet.run()

    assert {"ahead": 1} == result.finished["fleet"]["outcomes"]
    assert (0, "ahead") == (result.exit_code, result.finished["outcome"])


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1])


def test_a_server_that_is_down_does_not_hold_up_the_others(fleet: FleetOfDatabases) -> None:
    """It comes last; the first of its targets waits for it, and the others try once."""
    fleet.add("up")
    lines = {name: f"{name} postgresql://owner@127.0.0.1:9/{name}" for name in ("a_down", "b_down")}
    fleet.lines = {**lines, **fleet.lines}

    result = fleet.run("--jobs", "1", MIGRATE_WAIT_TIMEOUT="2s", MIGRATE_LOG_LEVEL="debug")

    assert 69 == result.exit_code, result.stdout
    found = result.of("target_finished")
    assert ["up", "a_down", "b_down"] == [each["target"] for each in found]
    left: dict[str, list[float]] = {name: [] for name in lines}
    for tried in result.of("database_unavailable"):
        left[tried["target"]].append(tried["remaining_seconds"])
    assert left["a_down"][0] > 0
    assert [0] == left["b_down"]
