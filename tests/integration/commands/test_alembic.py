"""Every one of Alembic's commands: the same words, the same answer, the same files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import CommandLine

from migration_runner.cli.command_table import ALEMBIC_COMMANDS, BY_NAME
from migration_runner.project.command_line import configure
from migration_runner.settings.settings import AlembicOptions
from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

# Alembic prints sets.
ORDERED = {"PYTHONHASHSEED": "0"}


@pytest.fixture
def branched(database: Database, project: Project, migrate: Migrate) -> Project:
    """Return a project of Alembic's own template with two heads, one applied and one pending."""
    use_template(project, database, "generic")
    project.table("r1", "one")
    project.table("r2", "two")
    project.revision("r3", down="r1", header="branch_labels = ('side',)\ndepends_on = 'r2'")
    applied = migrate.run("upgrade", "r2")
    assert 0 == applied.exit_code, applied.stdout
    return project


def _alembic(project: Project, *words: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "alembic", *words],
        cwd=project.folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **ORDERED},
    )
    return done.returncode, done.stdout


def test_all_of_them_are_offered() -> None:
    line = CommandLine()
    assert set(line.subparsers.choices) <= set(BY_NAME)


@pytest.mark.parametrize("name", sorted(command.name for command in ALEMBIC_COMMANDS))
def test_their_help_is_alembics(
    name: str, project: Project, migrate: Migrate, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        configure(AlembicOptions(), [name, "--help"])
    help_ = capsys.readouterr().out

    result = migrate.run(name, "--help")

    assert 0 == result.exit_code
    assert help_ == result.stdout
    assert f"usage: migrate {name}" in result.stdout
    _, theirs = _alembic(project, name, "--help")
    flags = set(re.findall(r"--?[\w-]+", theirs))
    assert flags <= set(re.findall(r"--?[\w-]+", result.stdout))


@pytest.mark.parametrize(
    "words",
    [
        "heads",
        "heads -v",
        "heads --resolve-dependencies",
        "branches",
        "branches -v",
        "history",
        "history -v",
        "history -r r1:side@head",
        "history -i",
        "history -r :current",
        "show r2",
        "show side@head",
        "current",
        "current -v",
        "list_templates",
        "upgrade heads --sql",
        "upgrade r1:side@head --sql",
        "downgrade r2:r1 --sql",
        "stamp r1 --sql",
        "-n alembic heads",
        "-c alembic.ini heads",
        "-x one=1 -x two=2 current",
    ],
)
def test_the_answer_is_the_same(branched: Project, migrate: Migrate, words: str) -> None:
    code, expected = _alembic(branched, *words.split())

    result = migrate.run(*words.split(), **ORDERED)

    assert 0 == code == result.exit_code, result.stderr
    assert expected == result.stdout
    assert "" == result.stderr


def _files(project: Project) -> dict[str, str]:
    return {
        path.name: re.sub("Create Date: .*", "", path.read_text())
        for path in project.versions.glob("*.py")
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n1", ["revision", "--head", "r2", "-m", "gift cards"]),
        ("n2", ["revision", "--autogenerate", "--head", "r2", "-m", "--json is a word"]),
        ("n3", ["revision", "--head", "side@head", "--depends-on", "r2", "--branch-label", "new"]),
        ("n4", ["merge", "heads", "-m", "both"]),
        ("n5", ["revision", "--splice", "--head", "r1"]),
    ],
)
def test_revisions_are_written_as_alembic_writes_them(
    branched: Project, migrate: Migrate, name: str, words: list[str]
) -> None:
    if "--autogenerate" in words:
        (branched.versions / "r3.py").unlink()
        env = branched.folder / "migrations" / "env.py"
        # One table only to drop: Alembic goes through sets of (None, name), and the hash of None
        # is an address before Python 3.12, whatever PYTHONHASHSEED says.
        models = (
            "import sqlalchemy as sa\ntarget_metadata = sa.MetaData()\n"
            "sa.Table('two', target_metadata, sa.Column('id', sa.BigInteger))"
        )
        env.write_text(env.read_text().replace("target_metadata = None", models))
    before = _files(branched)
    code, _ = _alembic(branched, *words, "--rev-id", name)
    assert 0 == code
    expected = _files(branched)
    for file in expected.keys() - before.keys():
        (branched.versions / file).unlink()

    result = migrate.run(*words, "--rev-id", name, **ORDERED)

    assert 0 == result.exit_code, result.stderr
    assert re.fullmatch(r"Generating .*\.py \.\.\.  done\n", result.stdout)
    assert expected == _files(branched)


def test_autogenerate_sees_the_models_and_not_the_ledger(
    database: Database, project: Project, migrate: Migrate
) -> None:
    use_template(project, database, "generic")
    env = project.folder / "migrations" / "env.py"
    text = env.read_text().replace(
        "target_metadata = None",
        "import sqlalchemy as sa\ntarget_metadata = sa.MetaData()\n"
        "sa.Table('gifts', target_metadata, sa.Column('id', sa.BigInteger, primary_key=True))",
    )
    env.write_text(
        text.replace("connection=connection,", "connection=connection, include_schemas=True,")
    )
    project.revision("r1")
    assert 0 == migrate.run().exit_code

    result = migrate.run("revision", "--autogenerate", "-m", "gifts", "--rev-id", "r2")

    assert 0 == result.exit_code, result.stderr
    written = (project.versions / "r2_gifts.py").read_text()
    assert "create_table('gifts'" in written
    assert "ledger" not in written


def test_autogenerate_makes_no_version_table(
    database: Database, project: Project, migrate: Migrate
) -> None:
    use_template(project, database, "generic")
    project.revision("r1")

    assert 3 == migrate.run("revision", "--autogenerate", "-m", "too early").exit_code
    assert [] == database.query("SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version'")


def test_whether_it_is_at_the_heads(branched: Project, migrate: Migrate) -> None:
    assert 3 == migrate.run("current", "--check-heads").exit_code
    (branched.versions / "r3.py").unlink()
    assert 0 == migrate.run("current", "--check-heads").exit_code


def test_the_editor_opens(branched: Project, migrate: Migrate, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "edited: $1"\n')
    editor.chmod(0o755)

    result = migrate.run("edit", "r2", EDITOR=str(editor))

    assert 0 == result.exit_code, result.stderr
    assert f"edited: {branched.versions / 'r2.py'}\n" == result.stdout


def test_the_version_table_is_made_under_the_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    use_template(project, database, "generic")
    project.revision("r1")

    result = migrate.run("ensure_version", "--log-level", "info", "--json")

    assert 0 == result.exit_code, result.stderr
    assert "run_lock_acquired" in result.stderr
    assert [(0,)] == database.query("SELECT count(*) FROM alembic_version")
    assert "CREATE TABLE alembic_version" in migrate.run("ensure_version", "--sql").stdout


@pytest.mark.parametrize(
    "words",
    [("-t", "async"), ("--template", "async"), ("--template=async",), ("-tasync", "--package")],
    ids=" ".join,
)
def test_a_project_is_started(project: Project, migrate: Migrate, words: tuple[str, ...]) -> None:
    result = migrate.run("init", *words, "fresh")

    assert 0 == result.exit_code, result.stderr
    assert "Please edit configuration" in result.stdout or "already exists" in result.stdout
    assert "async_engine_from_config" in (project.folder / "fresh" / "env.py").read_text()
    assert ("--package" in words) == (project.folder / "fresh" / "__init__.py").exists()


def test_the_templates_are_listed(project: Project, migrate: Migrate) -> None:
    assert "generic - " in migrate.run("list_templates").stdout
    assert project.folder.is_dir()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["history", "--qqq"], 64, "Unknown flag --qqq. See `migrate history --help`."),
        (["history", "-n", "alembic"], 64, "-n goes before the command, as in Alembic."),
        (["history", "--log-levle", "debug"], 64, "--log-levle (did you mean --log-level?)."),
        (["history", "--log-level=loud"], 64, "--log-level must be one of debug, info"),
        (["history", "--verbos=1"], 64, "-v/--verbose takes no value"),
        (["history", "-r"], 64, "-r/--rev-range needs a value."),
        (["heads", "r1"], 64, "Unexpected argument 'r1'."),
        (["show"], 64, "Missing argument: rev"),
        (["show", "zzz"], 65, "Can't locate revision identified by 'zzz'"),
        (["merge"], 64, "Missing argument: revisions"),
        (["init", "-t", "generic", "migrations"], 64, "already exists and is not empty"),
        (["init", "--package", "migrations"], 64, "already exists and is not empty"),
    ],
)
def test_what_it_does_not_take(
    branched: Project, migrate: Migrate, words: list[str], code: int, said: str
) -> None:
    assert branched.versions.is_dir()

    result = migrate.run(*words)

    assert code == result.exit_code, result.stderr
    assert said.lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
    assert "" == result.stdout


def test_a_traceback_for_who_wants_one(branched: Project, migrate: Migrate) -> None:
    assert branched.versions.is_dir()

    result = migrate.run("--raiseerr", "show", "zzz")

    assert 65 == result.exit_code
    assert "Traceback" in result.stderr


def test_a_reader_that_has_seen_enough(branched: Project, migrate: Migrate) -> None:
    for number in range(40):
        branched.revision(f"z{number}", down=("r2" if not number else f"z{number - 1}"))
    command = f"{sys.executable} -m migration_runner upgrade heads --sql | head -n 1"
    done = subprocess.run(  # noqa: S603 - our own words
        ["bash", "-o", "pipefail", "-c", command],  # noqa: S607 - everywhere
        cwd=branched.folder,
        env=migrate.environment,
        check=False,
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stderr
    assert "BEGIN;\n" == done.stdout
    assert "" == done.stderr
