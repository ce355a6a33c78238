"""Projects of `migrate init`, up to a container that has migrated."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.container.test_compose import compose_command
from tests.fixtures.containers import (
    PASSWORD,
    ContainerDatabase,
    Containers,
    Images,
    run,
)
from tests.fixtures.runner import Migrate, Result

_VARIANTS: Final = ((), ("--async",), ("--sqlmodel",), ("--pyproject",))
LayDown = Callable[..., Path]
Migrated = Callable[[Path, str, str], tuple[list[Result], str]]


@pytest.fixture
def lay_down(migrate: Migrate, tmp_path: Path) -> LayDown:
    """Return what makes a project, under the strictest umask."""

    def lay_down(*flags: str) -> Path:
        migrate.folder = tmp_path
        made = migrate.run("init", "gifts", *flags)
        assert 0 == made.exit_code, made.stderr
        run("chmod", "-R", "go-rwx", tmp_path / "gifts")
        return tmp_path / "gifts"

    return lay_down


@pytest.fixture
def migrated(
    images: Images, containers: Containers, container_database: ContainerDatabase
) -> Iterator[Migrated]:
    """Return what builds a folder's image, and runs it on a database of its own."""
    name = f"migrate-child-{uuid.uuid4().hex[:8]}"

    def build_and_run(folder: Path, variable: str, statement: str) -> tuple[list[Result], str]:
        run("docker", "build", f"--build-arg=RUNNER={images.name}", "--tag", name, folder)
        database = container_database.create()
        url = f"{variable}={container_database.url(database)}"
        options = ("--network", container_database.network, "-e", url)
        results = [containers.run(*options, image=name) for _ in range(2)]
        return results, container_database.query(database, statement)

    yield build_and_run
    run("docker", "image", "rm", "--force", name, check=False)


@pytest.mark.parametrize("flags", _VARIANTS, ids=lambda flags: "".join(flags) or "sync")
def test_its_image_migrates(flags: tuple[str, ...], lay_down: LayDown, migrated: Migrated) -> None:
    count = "SELECT count(*) FROM customers"
    (first, second), rows = migrated(lay_down(*flags), "DATABASE_URL", count)

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["0001"] == first.finished["to_revisions"]
    assert "up_to_date" == second.finished["outcome"]
    assert "0" == rows


def test_an_alembic_project_gets_an_image_that_migrates(
    tmp_path: Path, migrate: Migrate, migrated: Migrated
) -> None:
    """With its code below `src/`, and an env.py that takes no connection."""
    migrate.folder = tmp_path
    migrate.run("init", "-t", "generic", "alembic")
    (tmp_path / "src" / "store").mkdir(parents=True)
    (tmp_path / "src" / "store" / "__init__.py").write_text(
        "import os\n\nimport sqlalchemy\n\nmetadata = sqlalchemy.MetaData()\n"
        'sqlalchemy.Table("gifts", metadata, sqlalchemy.Column("id", sqlalchemy.Integer))\n'
        'URL = os.environ.get("STORE_URL", "postgresql://")\n'
    )
    env = tmp_path / "alembic" / "env.py"
    text = env.read_text().replace("target_metadata = None", "target_metadata = store.metadata")
    text = text.replace(
        "config = context.config\n",
        'config = context.config\nconfig.set_main_option("sqlalchemy.url", store.URL)\n',
    )
    env.write_text(f"import store\n{text}")
    (tmp_path / "alembic" / "versions" / "r1.py").write_text(
        '"""First."""\nimport store\nfrom alembic import op\n\nrevision = "r1"\n'
        "down_revision = None\n\n\ndef upgrade():\n    store.metadata.create_all(op.get_bind())\n"
    )
    added = migrate.run("init", "--into", ".")

    (first, _), rows = migrated(tmp_path, "STORE_URL", "SELECT count(*) FROM gifts")

    assert 0 == added.exit_code, added.stderr
    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1"] == first.finished["to_revisions"]
    assert "0" == rows


def test_compose_up_migrates_before_the_application_starts(
    lay_down: LayDown, images: Images
) -> None:
    folder = lay_down()
    project = f"test{uuid.uuid4().hex[:8]}"
    files = ("--project-name", project, "--file", str(folder / "compose.yaml"))

    def compose(*arguments: str) -> Result:
        words = (*compose_command(), *files, *arguments)
        return run(*words, RUNNER=images.name, POSTGRES_PASSWORD=PASSWORD)

    try:
        compose("up", "--build", "--detach")
        # It ends once psql has listed the tables.
        (container,) = compose("ps", "--quiet", "app").stdout.split()
        run("docker", "wait", container)

        lines = compose("logs", "--no-color", "migrate").stdout.splitlines()
        finished = json.loads(lines[-1].partition("|")[2])
        assert ("run_finished", "applied") == (finished["event"], finished["outcome"])
        listed = run("docker", "logs", container).stdout
        assert [] == [table for table in ("alembic_version", "customers") if table not in listed]
    finally:
        compose("down", "--volumes", "--rmi", "local")


def test_init_in_the_image_says_where_it_is(containers: Containers) -> None:
    result = containers.run(command=("init", "shop"))

    assert 64 == result.exit_code, result.stdout + result.stderr
    assert "`migrate init` is a developer's tool, and this image has none." in result.stderr
    assert "Traceback" not in result.stderr
