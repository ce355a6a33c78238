"""`migrate history --graph`, with what a database has of the history."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.postgres import free_port
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


@pytest.fixture
def half(database: Database, project: Project, migrate: Migrate) -> Database:
    """Return a database that has r1 and r2 of a history that goes on in two branches."""
    project.table("r1", "one")
    project.table("r2", "two")
    project.revision("r3")
    project.revision("r4", down="r2", header="depends_on = 'r1'\nbranch_labels = ('side',)")
    assert 0 == migrate.run("upgrade", "r2", DATABASE_URL=database.url).exit_code
    return database


def test_as_text(half: Database, migrate: Migrate) -> None:
    result = migrate.run("history", "--graph", DATABASE_URL=half.url)

    assert 0 == result.exit_code, result.stderr
    assert [
        "o    r3 r3 does its work. (head)",
        "| o  r4 (side) r4 does its work. (head)  needs r1",
        "|/",
        "*    r2 r2 does its work. (current)",
        "*    r1 r1 does its work.",
        "",
        "* applied: 2, o pending: 2, (head) = newest, (current) = the database's revision",
    ] == result.stdout.splitlines()
    assert "" == result.stderr


@pytest.mark.parametrize("name", ["history.svg", "history.mmd", "history.txt"])
def test_into_a_file(half: Database, project: Project, migrate: Migrate, name: str) -> None:
    result = migrate.run("history", "--graph", name, DATABASE_URL=half.url)

    assert 0 == result.exit_code, result.stderr
    assert "" == result.stdout
    text = (project.folder / name).read_text()
    assert all(f"r{number}" in text for number in (1, 2, 3, 4))
    if name.endswith(".svg"):
        assert "{http://www.w3.org/2000/svg}svg" == ET.fromstring(text).tag  # noqa: S314 - ours
    if name.endswith(".mmd"):
        assert "flowchart" in text.splitlines()[0]


@pytest.mark.parametrize("kind", ENV_SOURCES)
def test_a_database_that_is_away_leaves_the_marks_out_and_is_no_error(
    half: Database, project: Project, migrate: Migrate, kind: str
) -> None:
    assert half.url
    project.write_env(ENV_SOURCES[kind].format(options=""))

    result = migrate.run(
        "history", "--graph", DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/x"
    )

    assert 0 == result.exit_code, result.stderr
    assert "without a database" in result.stdout
    logged = [json.loads(line) for line in result.stderr.splitlines()]
    assert "database_skipped" == logged[-1]["event"]
    assert {"warning"} == {line["level"] for line in logged}


def test_an_env_py_that_fails_is_no_error_of_the_drawing(
    half: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env("raise RuntimeError('no settings here')")

    result = migrate.run("history", "--graph", DATABASE_URL=half.url)

    assert 0 == result.exit_code, result.stderr
    (line,) = result.stderr.splitlines()
    assert "no settings here" in json.loads(line)["detail"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--graph", "x.png"], "--graph writes .txt, .mmd, .svg files"),
        (["--graph", "nowhere/x.svg"], "cannot be written"),
        (["--graph", "x.svg", "-r", "r1:r2"], "Omit --rev-range."),
    ],
)
def test_what_cannot_be_drawn(
    half: Database, migrate: Migrate, words: list[str], said: str
) -> None:
    result = migrate.run("history", *words, DATABASE_URL=half.url)

    assert 64 == result.exit_code, result.stderr
    assert said in result.stderr
