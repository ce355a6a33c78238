"""What the corpus' tests have: one project a module's pass, and databases for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.corpus.bench import Bench
from tests.corpus.installation import Installation, build_wheel
from tests.corpus.projects import PROJECTS, Project
from tests.fixtures.postgres import ServerFactory

_CHOICE: Final = os.environ.get("CORPUS", "")
_EVERYTHING: Final = ("1", "all")


def _chosen() -> list[Project]:
    if not _CHOICE or _CHOICE in _EVERYTHING:
        return list(PROJECTS)
    by_name = {project.name: project for project in PROJECTS}
    try:
        return [by_name[name.strip()] for name in _CHOICE.split(",")]
    except KeyError as error:
        message = f"CORPUS={_CHOICE}: {error} is none of {', '.join(by_name)}, nor 1 for all"
        raise pytest.UsageError(message) from error


@pytest.fixture(scope="session")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            project, id=project.name, marks=[] if _CHOICE else pytest.mark.skip("CORPUS is not set")
        )
        for project in _chosen()
    ],
)
def project_of_theirs(request: pytest.FixtureRequest) -> Project:
    """Return each project."""
    project: Project = request.param
    return project


@pytest.fixture(scope="module")
def bench(
    project_of_theirs: Project,
    _wheel: Path,
    shared_server: ServerFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """Return the project, installed beside the runner."""
    installation = Installation(project_of_theirs.name)
    folder = tmp_path_factory.mktemp(project_of_theirs.name)
    with installation.held():
        installation.make(_wheel)
        bench = Bench(project_of_theirs, installation, shared_server(18), folder)
        yield bench
        bench.close()
