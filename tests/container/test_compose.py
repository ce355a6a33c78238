"""`docker-compose.yml`, from cold."""

from __future__ import annotations

import json
import socket
import urllib.request
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.containers import PASSWORD, ROOT, Images, require, run
from tests.fixtures.runner import Result

Compose = Callable[..., Result]


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


@pytest.fixture
def compose(images: Images, port: int) -> Iterator[Compose]:
    """Return docker-compose, in a project of its own."""
    require("docker-compose", answers=("--version",))
    base = ("docker-compose", "--project-name", f"test{uuid.uuid4().hex[:8]}")
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
    assert b"0 customers, 0 orders\n" == answer
    assert PASSWORD not in compose("logs", "--no-color").stdout


def test_the_application_does_not_start_when_the_migrations_fail(
    compose: Compose, images: Images
) -> None:
    result = compose("up", "--detach", "--no-build", check=False, IMAGE=images.base)

    assert 0 != result.exit_code
    names = compose("ps", "--services", "--filter", "status=running").stdout.split()
    assert ["database"] == names


def test_every_service_is_hardened() -> None:
    """As compose itself reads the file."""
    require("docker-compose", answers=("--version",))
    text = run("docker-compose", "--file", ROOT / "docker-compose.yml", "config").stdout

    services = text.count("image:")
    assert 3 == services
    assert services == text.count("read_only: true")
    assert services == text.count("no-new-privileges:true")
    assert services == text.count("cap_drop:\n    - ALL")
