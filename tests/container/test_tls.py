"""TLS to a server whose certificate nobody knows: the embedded server has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.containers import CERTIFICATE, ContainerDatabase, Containers, run
from tests.fixtures.runner import Result

# What the image trusts, and what `sslrootcert=system` reads.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Certificate:
    """The server's, which signs itself: it is its own authority."""

    file: Path
    host: str
    # Leads the host that it is for to the server.
    resolution: str


@pytest.fixture
def certificate(container_database: ContainerDatabase, tmp_path: Path) -> Certificate:
    container = container_database.container
    file = tmp_path / "server.pem"
    run("docker", "cp", f"{container}:{CERTIFICATE}", file)
    file.chmod(0o644)
    asked = ("openssl", "x509", "-in", CERTIFICATE, "-noout", "-subject", "-nameopt", "multiline")
    host = run("docker", "exec", container, *asked).stdout.split()[-1]
    where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = run("docker", "inspect", f"--format={where}", container).stdout.strip()
    return Certificate(file, host, f"--add-host={host}:{address}")


def _run(
    containers: Containers,
    database: ContainerDatabase,
    mode: str,
    *options: str,
    host: str = "database",
) -> Result:
    url = f"{database.url(database.create(), at=host)}?sslmode={mode}"
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
    containers: Containers,
    container_database: ContainerDatabase,
    certificate: Certificate,
    mode: str,
) -> None:
    volume = ("--volume", f"{certificate.file}:/run/server.pem:ro")
    result = _run(containers, container_database, mode, *volume)

    assert 0 == result.exit_code, result.stdout


@pytest.mark.parametrize(
    ("root", "place"),
    [("/run/server.pem", "/run/server.pem"), ("system", AUTHORITIES)],
    ids=["mounted", "system"],
)
def test_it_migrates_where_authority_and_name_are_verified(
    containers: Containers,
    container_database: ContainerDatabase,
    certificate: Certificate,
    root: str,
    place: str,
) -> None:
    options = (certificate.resolution, "--volume", f"{certificate.file}:{place}:ro")
    mode = f"verify-full&sslrootcert={root}"
    result = _run(containers, container_database, mode, *options, host=certificate.host)

    assert 0 == result.exit_code, result.stdout


def test_a_certificate_for_another_name_is_refused(
    containers: Containers, container_database: ContainerDatabase, certificate: Certificate
) -> None:
    volume = ("--volume", f"{certificate.file}:/run/server.pem:ro")
    mode = "verify-full&sslrootcert=/run/server.pem"
    result = _run(containers, container_database, mode, *volume)

    assert 77 == result.exit_code, result.stdout
    assert "tls_refused" == result.finished["error"]["reason"]
