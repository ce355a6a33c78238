"""Images of other projects, on this one."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.containers import (
    ContainerDatabase,
    Containers,
    Images,
    run,
)
from tests.fixtures.runner import ROOT, Result

EXAMPLE = ROOT / "deploy" / "from-base"
Build = Callable[[], tuple[str, Result]]


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


@pytest.fixture
def build(images: Images, project_folder: Path) -> Iterator[Build]:
    """Return what builds the folder with the example's Dockerfile."""
    name = f"migrate-child-{uuid.uuid4().hex[:8]}"

    def build() -> tuple[str, Result]:
        runner = f"--build-arg=RUNNER={images.name}"
        return name, run(
            "docker", "build", "--force-rm", runner, "--tag", name, project_folder, check=False
        )

    yield build
    run("docker", "image", "rm", "--force", name, check=False)


def test_the_example_migrates_with_its_own_package(
    build: Build, containers: Containers, container_database: ContainerDatabase
) -> None:
    image, built = build()
    assert 0 == built.exit_code, built.stdout + built.stderr
    database = container_database.create()

    result = containers.run(
        *("--network", container_database.network),
        *("-e", f"DATABASE_URL={container_database.url(database)}"),
        image=image,
    )

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert ["0001"] == result.finished["to_revisions"]
    assert "0" == container_database.query(database, "SELECT count(*) FROM account")


def test_a_version_of_ones_own_wins(
    build: Build, project_folder: Path, containers: Containers
) -> None:
    (project_folder / "requirements.txt").write_text(
        "sqlalchemy==2.0.44\nsqlalchemy-utils==0.43.0\n"
    )

    image, built = build()

    assert 0 == built.exit_code, built.stdout + built.stderr
    code = "import sqlalchemy; print(sqlalchemy.__version__)"
    assert (
        "2.0.44\n"
        == containers.run("--entrypoint", "python3", image=image, command=("-c", code)).stdout
    )


def test_a_history_with_two_heads_fails_the_build(build: Build, project_folder: Path) -> None:
    (project_folder / "migrations" / "versions" / "0002_other.py").write_text(
        '"""Another."""\n\nrevision = "0002"\ndown_revision = None\n'
    )

    _image, built = build()

    assert 0 != built.exit_code
    said = built.stdout + built.stderr
    assert '"exit_code": 65' in said
    assert "alembic merge" in said


def test_a_package_that_is_missing_fails_the_build(build: Build, project_folder: Path) -> None:
    (project_folder / "requirements.txt").write_text("")

    _image, built = build()

    assert 0 != built.exit_code
    assert "sqlalchemy_utils" in built.stdout + built.stderr
