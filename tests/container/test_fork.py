"""A team replaces the template's models and revisions by its own, and everything stays green."""

from __future__ import annotations

import re
import urllib.request
import uuid
from collections.abc import Iterator

import pytest

from tests.fixtures.containers import run
from tests.fixtures.fork import Fork, new_fork
from tests.fixtures.postgres import free_port
from tests.fixtures.runner import ROOT

HEAD = "c2d95a6e1b74"
# The project's own, and those of the runner's that read the checkout or run another project in it.
TESTS = (
    "tests/template",
    "tests/unit/test_docs.py",
    "tests/integration/test_shop.py",
)


@pytest.fixture(scope="module")
def blog() -> Iterator[Fork]:
    """Return a fork at the end of their first week."""
    with new_fork() as fork:
        fork.empty()
        fork.write_blog()
        yield fork


@pytest.fixture
def image() -> Iterator[str]:
    """Return the name of an image to build."""
    name = f"migrate-fork-{uuid.uuid4().hex[:8]}"
    yield name
    run("docker", "image", "rm", "--force", name, check=False)


def test_with_nothing_but_the_runner() -> None:
    """No model, no revision, and every part left out that can be."""
    with new_fork() as fork:
        fork.empty()
        fork.leave_out_parts()

        migrated = fork.make("run")
        checked = fork.make("lint", "type", "test")

    assert 0 == migrated.exit_code, migrated.stdout
    assert "Up to date" in migrated.stdout
    assert 0 == checked.exit_code, checked.stdout
    assert "tests ran" not in checked.stdout


def test_make_run(blog: Fork) -> None:
    first = blog.make("run")
    second = blog.make("run")

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert "Applied 4 revisions" in first.stdout
    assert f"the database is at {HEAD}" in second.stdout


def test_make_revision_from_the_first_models() -> None:
    with new_fork() as fork:
        fork.empty()
        fork.write_blog()
        fork.remove_revisions()

        written = fork.make("run", "revision", "m=Authors and posts")
        applied = fork.make("run", "lint")

    assert 0 == written.exit_code, written.stdout
    assert 0 == applied.exit_code, applied.stdout
    assert "Applied 1 revision in" in applied.stdout


def test_make_lint_and_type(blog: Fork) -> None:
    result = blog.make("lint", "type")

    assert 0 == result.exit_code, result.stdout


def test_make_test(blog: Fork) -> None:
    result = blog.make("test", f"T={' '.join(TESTS)}")
    collected = blog.make("test", "T=--collect-only --quiet")

    assert 0 == result.exit_code, result.stdout
    assert 0 == collected.exit_code, collected.stdout


def test_no_other_test_reads_the_template() -> None:
    reading = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if path.parent.name != "template"
        and re.search(r'ROOT / "(models|migrations|alembic\.ini)"', path.read_text())
    ]
    assert [] == reading


def test_make_image(engine: None, blog: Fork, image: str) -> None:  # noqa: ARG001 - comes first
    built = blog.make("image", f"IMAGE={image}")

    assert 0 == built.exit_code, built.stdout
    status = run(
        *("docker", "run", "--rm", "--network=none"),
        *("--env=DATABASE_URL=postgresql://a@database/a", "--env=MIGRATE_WAIT_TIMEOUT=0"),
        *(image, "status"),
        check=False,
    )
    assert f'"heads": ["{HEAD}"]' in status.stdout, status.stderr


def test_make_up(engine: None, blog: Fork, image: str) -> None:  # noqa: ARG001 - comes first
    port = free_port()
    variables = {"IMAGE": image, "PORT": str(port), "COMPOSE_PROJECT_NAME": image}
    with blog.start("up", **variables) as up:
        assert up.stdout is not None
        said = []
        for line in up.stdout:
            said.append(line)
            if "listening on port" in line:
                break
        else:
            pytest.fail("".join(said))
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}").read().decode()
        down = blog.make("down", **variables)
        up.communicate()

    assert [
        f"revision: {HEAD}",
        *[f"rows in {table}" for table in ("alembic_version: 1", "authors: 0", "posts: 0")],
    ] == answer.splitlines()
    assert 0 == down.exit_code, down.stdout
