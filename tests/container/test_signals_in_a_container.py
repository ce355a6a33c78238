"""The runner as PID 1, where the kernel gives no signal a default action."""

from __future__ import annotations

import signal

import pytest

from tests.fixtures.containers import (
    Container,
    ContainerDatabase,
    Containers,
    Images,
    run,
)
from tests.fixtures.project import Project


@pytest.fixture
def running(
    containers: Containers, container_database: ContainerDatabase, images: Images, project: Project
) -> Container:
    """Return a run in the middle of a long revision."""
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT pg_sleep(3600)")')
    url = container_database.url(container_database.create())
    running = containers.start(
        *("--network", container_database.network, "--env", f"DATABASE_URL={url}"),
        *("--volume", f"{project.folder}:/app:ro"),
        image=images.base,
    )
    running.wait_for_event("revision_started", revision="r2")
    return running


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_statement_runs(
    container_database: ContainerDatabase, running: Container, number: signal.Signals, code: int
) -> None:
    running.signal(number)

    result = running.wait()
    assert code == result.exit_code, result.stdout + result.stderr
    assert "interrupted" == result.finished["outcome"]
    assert ["r1"] == result.finished["to_revisions"]
    busy = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()"
    assert "" == container_database.query("shop", f"SELECT 1 {busy}")


def test_docker_stop_need_not_kill(running: Container) -> None:
    run("docker", "stop", "--time=60", running.name)

    assert 143 == running.wait().finished["exit_code"]


def test_a_signal_while_it_waits(containers: Containers) -> None:
    running = containers.start("--network=none", "-e", "DATABASE_URL=postgresql://a@database/a")
    running.wait_for_event("database_unavailable")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert 143 == result.exit_code, result.stdout + result.stderr
    assert "interrupted" == result.finished["outcome"]
