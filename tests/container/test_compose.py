"""`docker-compose.yml`, from cold."""

from __future__ import annotations

import json
import socket
import urllib.request
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.fixtures.containers import PASSWORD, Images, require, run
from tests.fixtures.runner import ROOT, Result
from tests.fixtures.shop import HEAD

Compose = Callable[..., Result]


def compose_command() -> tuple[str, ...]:
    """Compose as the engine's plugin, or as the program that it was before."""
    if 0 == run("docker", "compose", "version", check=False).exit_code:
        return ("docker", "compose")
    require("docker-compose", answers=("--version",))
    return ("docker-compose",)


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


@pytest.fixture
def compose(images: Images, port: int) -> Iterator[Compose]:
    """Return docker-compose, in a project of its own."""
    base = (*compose_command(), "--project-name", f"test{uuid.uuid4().hex[:8]}")
    files = ("--file", ROOT / "docker-compose.yml")
    variables = {"IMAGE": images.project, "PORT": str(port), "POSTGRES_PASSWORD": PASSWORD}

    def compose(*arguments: str, check: bool = True, **more: str) -> Result:
        return run(*base, *files, *arguments, check=check, **{**variables, **more})

    yield compose
    compose("down", "--volumes")


def test_up_from_cold_migrates_before_the_application_starts(compose: Compose, port: int) -> None:
    compose("up", "--detach", "--no-build")

    lines = compose("logs", "--no-color", "migrate").stdout.splitlines()
    finished = json.loads(lines[-1].partition("|")[2])
    assert ("run_finished", "applied") == (finished["event"], finished["outcome"])
    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}").read()
    assert [
        f"revision: {HEAD}",
        "rows in alembic_version: 1",
        *[f"rows in {table}: 0" for table in ("customers", "order_lines", "orders", "products")],
    ] == answer.decode().splitlines()
    assert PASSWORD not in compose("logs", "--no-color").stdout


def test_the_application_does_not_start_when_the_migrations_fail(
    compose: Compose, images: Images
) -> None:
    result = compose("up", "--detach", "--no-build", check=False, IMAGE=images.base)

    assert 0 != result.exit_code
    names = compose("ps", "--services", "--filter", "status=running").stdout.split()
    assert ["database"] == names


def test_every_service_is_hardened(engine: None) -> None:  # noqa: ARG001 - comes first
    """As compose itself reads the file."""
    text = run(*compose_command(), "--file", ROOT / "docker-compose.yml", "config").stdout

    services = yaml.safe_load(text)["services"]
    assert {"database", "migrate", "app"} == set(services)
    for service in services.values():
        assert service["read_only"]
        assert ["no-new-privileges:true"] == service["security_opt"]
        assert ["ALL"] == service["cap_drop"]
        assert "cap_add" not in service
