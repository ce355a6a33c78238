"""`migrate revision --autogenerate` where it cannot compare: which error, and one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import ROOT, Migrate, Result
from tests.fixtures.templates import use_template
from tests.fixtures.terminal import run_on_terminal

WORDS = ("revision", "--autogenerate", "-m", "gift cards")


@pytest.fixture(autouse=True)
def _applied(database: Database, project: Project, migrate: Migrate) -> None:
    """Apply r1 from one build, r2 from another."""
    use_template(project, database, "generic")
    project.revision("r1")
    migrate.run(MIGRATE_BUILD="main")
    project.revision("r2")
    assert 0 == migrate.run(MIGRATE_BUILD="gift-cards").exit_code


def _said(result: Result) -> str:
    """Return the one line that was logged."""
    (line,) = result.stderr.splitlines()
    summary: str = json.loads(line)["summary"]
    return summary


def _files(project: Project) -> list[str]:
    return sorted(path.name for path in project.versions.glob("*.py"))


@pytest.mark.parametrize(
    ("count", "named"), [(1, "r3"), (3, "r3, r4, r5"), (5, "r3, r4, r5 and 2 more")]
)
@pytest.mark.parametrize("words", [WORDS, ("check",)])
def test_behind(
    project: Project, migrate: Migrate, words: tuple[str, ...], count: int, named: str
) -> None:
    for number in range(3, 3 + count):
        project.revision(f"r{number}")
    before = _files(project)

    result = migrate.run(*words)

    assert (3, "") == (result.exit_code, result.stdout)
    assert f"The database is behind ({named}): run `migrate` first." == _said(result)
    assert before == _files(project)


@pytest.mark.parametrize("words", [WORDS, ("check",)])
def test_ahead(project: Project, migrate: Migrate, words: tuple[str, ...]) -> None:
    (project.versions / "r2.py").unlink()

    result = migrate.run(*words)

    assert (65, "") == (result.exit_code, result.stdout)
    assert (
        'Only in the database: r2 "r2 does its work" (applied by build gift-cards).'
        " Check out the branch that has it, or downgrade the database there first."
    ) == _said(result)
    assert ["r1.py"] == _files(project)


def test_ahead_by_what_no_ledger_has(
    database: Database, project: Project, migrate: Migrate
) -> None:
    database.query("UPDATE alembic_version SET version_num = 'r9'")

    result = migrate.run(*WORDS)

    assert 65 == result.exit_code
    assert _said(result).startswith("Only in the database: r9. Check out")
    assert ["r1.py", "r2.py"] == _files(project)


def test_a_revision_needs_a_module_that_is_missing(project: Project, migrate: Migrate) -> None:
    path = project.revision("r3", header="import nosuchthing")

    result = migrate.run(*WORDS)

    assert 65 == result.exit_code
    assert f"{path}, line {_line_of('import nosuchthing', path)}: " in _said(result)
    assert "No module named 'nosuchthing'" in _said(result)


def test_env_py_needs_a_module_that_is_missing(project: Project, migrate: Migrate) -> None:
    (project.folder / "models.py").write_text("\nimport nosuchthing\n")
    env = project.folder / "migrations" / "env.py"
    env.write_text(f"import models\n{env.read_text()}")

    result = migrate.run(*WORDS, MIGRATE_LOG_LEVEL="error")

    failed, finished = map(json.loads, result.stderr.splitlines())
    assert 78 == result.exit_code
    assert "env_failed" == failed["event"]
    assert str(ROOT) not in failed["exception"]
    place = f"An import failed ({project.folder / 'models.py'}, line 2): "
    assert finished["summary"].startswith(f"{place}No module named 'nosuchthing'. ")
    assert ["r1.py", "r2.py"] == _files(project)
    screen = run_on_terminal(project, migrate, *WORDS)
    (line,) = screen.text.splitlines()
    assert line.endswith(f"✗ {finished['summary']}")


def _line_of(text: str, path: Path) -> int:
    return path.read_text().splitlines().index(text) + 1


MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("orders", metadata, sa.Column("id", sa.BigInteger, primary_key=True, index=True))
"""


def _with_models(project: Project, metadata: str = "metadata") -> None:
    (project.folder / "tables.py").write_text(MODELS)
    env = (project.folder / "migrations" / "env.py").read_text()
    project.write_env(
        "from tables import metadata\n"
        + env.replace("target_metadata = None", f"target_metadata = {metadata}")
    )


@pytest.mark.parametrize("template", ["generic", "no logging"])
def test_what_alembic_detects_is_shown(project: Project, migrate: Migrate, template: str) -> None:
    """Whether env.py configures logging or not."""
    if template == "no logging":
        path = project.folder / "migrations" / "env.py"
        project.write_env(path.read_text().replace("    fileConfig(", "    str("))
    _with_models(project)

    result = migrate.run(*WORDS)

    assert 0 == result.exit_code, result.stderr
    assert [
        "Detected added table 'orders'",
        "Detected added index 'ix_orders_id' on '('id',)'",
    ] == [json.loads(line)["event"] for line in result.stderr.splitlines()]
    assert "Generating" in result.stdout


def test_at_a_lower_level_it_is_shown_once(project: Project, migrate: Migrate) -> None:
    _with_models(project)

    result = migrate.run(*WORDS, MIGRATE_LOG_LEVEL="info")

    assert 1 == result.stderr.count("Detected added table 'orders'")


@pytest.mark.parametrize("words", [WORDS, ("check",)])
def test_without_models_to_compare_with(
    project: Project, migrate: Migrate, words: tuple[str, ...]
) -> None:
    before = _files(project)

    result = migrate.run(*words)

    assert 78 == result.exit_code, result.stderr
    finished = json.loads(result.stderr.splitlines()[-1])
    assert ("ConfigError", "no_metadata") == (
        finished["error"]["kind"],
        finished["error"]["reason"],
    )
    assert "pass target_metadata=... to context.configure()" in finished["summary"]
    assert before == _files(project)


@pytest.mark.parametrize(
    "hook",
    [
        "hooks = black\nblack.type = console_scripts\nblack.entrypoint = nobodys",
        "hooks = ruff\nruff.type = exec\nruff.executable = nobodys",
        "hooks = black\nblack.type = nobodys",
        "hooks = black",
    ],
)
def test_a_post_write_hook_that_is_missing(project: Project, migrate: Migrate, hook: str) -> None:
    ini = project.folder / "alembic.ini"
    header = "\n[post_write_hooks]\n"
    ini.write_text(ini.read_text().replace(header, f"{header}{hook}\n"))
    before = _files(project)

    result = migrate.run("revision", "-m", "gift cards")

    assert 78 == result.exit_code, result.stderr
    finished = json.loads(result.stderr.splitlines()[-1])
    assert ("ConfigError", "post_write_hook") == (
        finished["error"]["kind"],
        finished["error"]["reason"],
    )
    assert finished["summary"].startswith(
        "The revision was written, but its post-write hook failed: "
    )
    assert len(before) + 1 == len(_files(project))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("revision", "--sql", "-m", "x"), 64),
        (("revision", "--autogenerate", "--sql", "-m", "x"), 64),
        (("init", "-t", "generic", "migrations"), 64),
        (("history", "-r", "r1"), 64),
        (("show", "r9"), 65),
        (("edit", "r9"), 65),
        (("revision", "--head", "r9", "-m", "x"), 65),
    ],
)
def test_what_alembic_refuses_has_the_kind_of_what_it_refuses(
    migrate: Migrate, words: tuple[str, ...], code: int
) -> None:
    result = migrate.run(*words)

    assert code == result.exit_code, result.stderr
