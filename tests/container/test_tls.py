"""TLS to a server whose certificate nobody knows: the embedded server has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.containers import CERTIFICATE, ContainerDatabase, Containers, run
from tests.fixtures.runner import Result


def _run(containers: Containers, database: ContainerDatabase, mode: str, *options: str) -> Result:
    url = f"{database.url(database.create())}?sslmode={mode}"
    network = ("--network", database.network)
    return containers.run(*network, *options, "-e", f"DATABASE_URL={url}")


def test_a_certificate_that_cannot_be_verified_is_refused_at_once(
    containers: Containers, container_database: ContainerDatabase
) -> None:
    """With the image's own authorities."""
    result = _run(containers, container_database, "verify-full&sslrootcert=system")

    assert 77 == result.exit_code, result.stdout
    assert "tls_refused" == result.finished["error"]["reason"]
    assert "certificate verify failed" in result.finished["summary"]
    assert 1 == len(result.of("database_unavailable"))


@pytest.mark.parametrize("mode", ["require", "verify-ca&sslrootcert=/run/server.pem"])
def test_it_migrates_over_tls(
    containers: Containers, container_database: ContainerDatabase, tmp_path: Path, mode: str
) -> None:
    certificate = tmp_path / "server.pem"
    run("docker", "cp", f"{container_database.container}:{CERTIFICATE}", certificate)
    certificate.chmod(0o644)

    volume = ("--volume", f"{certificate}:/run/server.pem:ro")
    result = _run(containers, container_database, mode, *volume)

    assert 0 == result.exit_code, result.stdout
