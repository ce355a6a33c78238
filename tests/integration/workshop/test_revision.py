"""`migrate revision --autogenerate` without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.runner import Result
from tests.fixtures.terminal import run_on_terminal
from tests.fixtures.workshop import Workshop

WRITE = ("revision", "--autogenerate", "-m", "more")


def _written(workshop: Workshop, *words: str, **variables: str) -> tuple[dict[str, Any], str]:
    result = workshop.run(*WRITE, *words, **variables)
    assert 0 == result.exit_code, result.stderr
    found = json.loads(result.stdout)
    return found, Path(found["file"]).read_text() if found["file"] else ""


def _revisions(workshop: Workshop) -> set[str]:
    return {path.name for path in workshop.versions.glob("*.py")}


def test_nothing_to_do_writes_nothing(workshop: Workshop) -> None:
    workshop.orders()

    found, _ = _written(workshop)

    assert found["file"] is None
    assert {"orders.py"} == _revisions(workshop)


def test_the_first_revision(workshop: Workshop) -> None:
    found, text = _written(workshop)

    assert (["up", "down", "up"], []) == (found["tried"], found["left"])
    assert "op.create_table" in text
    assert 0 == workshop.verify()[0]


@pytest.mark.parametrize("words", [("--rev-id", "mine"), ("--rev-id=mine",), ("--rev-i", "mine")])
def test_an_id_that_is_given(workshop: Workshop, words: tuple[str, ...]) -> None:
    """Alembic takes a part of an option's name, too."""
    found, text = _written(workshop, *words)

    assert "mine" == found["revision"]
    assert "\nrevision = 'mine'\n" in text


def test_what_alembic_sees_and_what_it_does_not(workshop: Workshop) -> None:
    workshop.orders()
    workshop.add_columns(
        "land = sa.Column(sa.Text, comment='where it goes')",
        "mood = sa.Column(sa.Enum('good', 'bad', name='mood'))",
        "__table_args__ = (",
        "    sa.CheckConstraint('id > 0', name='positive'),",
        "    sa.Index('open', 'note', postgresql_where=sa.text('id > 5')),",
        ")",
    )

    found, text = _written(workshop)
    exit_code, verified = workshop.verify("--all", "--fail-on", "never")

    assert (["up", "down", "up"], [], []) == (found["tried"], found["left"], found["findings"])
    for part in ("CREATE TYPE mood", "DROP TYPE mood", "CHECK ((id > 0))", "op.add_column"):
        assert part in text
    assert (0, []) == (
        exit_code,
        [each for each in verified["findings"] if each["group"] == "models"],
    )


def test_a_rename_is_one_when_it_is_said(workshop: Workshop) -> None:
    workshop.orders()
    models = workshop.folder / "models.py"
    models.write_text(models.read_text().replace("note =", "remark ="))

    refused = workshop.run(*WRITE, "--rename", "orders.nothing=remark")
    first, dropped = _written(workshop)
    Path(first["file"]).unlink()
    second, renamed = _written(workshop, "--rename", "orders.note=remark")

    assert 64 == refused.exit_code
    assert "orders.note=remark" in refused.stderr
    assert [{"table": "orders", "old": "note", "new": "remark"}] == first["possible_renames"]
    assert "op.drop_column" in dropped
    assert [] == second["possible_renames"]
    assert "ALTER TABLE orders RENAME COLUMN note TO remark" in renamed
    assert "op.drop_column" not in renamed


@pytest.mark.parametrize(("answer", "part"), [("y", "RENAME COLUMN"), ("n", "op.drop_column")])
def test_on_a_terminal_a_rename_is_asked(workshop: Workshop, answer: str, part: str) -> None:
    workshop.orders()
    models = workshop.folder / "models.py"
    models.write_text(models.read_text().replace("note =", "remark ="))

    screen = run_on_terminal(
        workshop.project, workshop.migrate, *WRITE, typed=f"{answer}\n", **workshop.variables
    )

    (written,) = _revisions(workshop) - {"orders.py"}
    assert 0 == screen.exit_code
    assert "Was orders.note renamed to remark? [y/N]" in screen.text
    assert "No difference is left between models and history." in screen.text
    assert part in (workshop.versions / written).read_text()


def test_models_that_nothing_imports(workshop: Workshop) -> None:
    workshop.orders()
    workshop.write(
        "forgotten.py", "from models import Base\n\n\nclass F(Base):\n    __tablename__ = 'f'\n"
    )

    found, _ = _written(workshop)

    assert ["forgotten.py"] == found["not_imported"]


def test_a_revision_that_fails_stays_and_is_named(workshop: Workshop) -> None:
    workshop.orders()
    # A column that is required, while there are rows without one.
    workshop.revision(
        "rows",
        "op.execute(\"INSERT INTO orders (note) VALUES ('x')\")",
        "op.execute('DELETE FROM orders')",
    )
    workshop.add_columns("land = sa.Column(sa.Text, nullable=False)")

    result = workshop.run(*WRITE)

    (written,) = _revisions(workshop) - {"orders.py", "rows.py"}
    assert 1 == result.exit_code
    assert written in result.stderr
    assert "contains null values" in result.stderr


def test_head_txt_names_one_that_fails_too(workshop: Workshop) -> None:
    """Its file stays, to be corrected."""
    head = workshop.write("migrations/head.txt", "rows\n")
    workshop.orders()
    workshop.revision("rows", "op.execute(\"INSERT INTO orders (note) VALUES ('x')\")", "pass")
    workshop.add_columns("land = sa.Column(sa.Text, nullable=False)")

    result = workshop.run(*WRITE, "--rev-id", "land")

    assert 1 == result.exit_code, result.stderr
    assert "land\n" == head.read_text()


def test_the_docstrings_questions_are_answered(workshop: Workshop) -> None:
    template = workshop.folder / "migrations" / "script.py.mako"
    asking = '"""${message}.\n\nLocks taken:\nDowngrade loses:\n"""'
    template.write_text(template.read_text().replace('"""${message}."""', asking))
    workshop.orders()
    workshop.add_columns("land = sa.Column(sa.Text)")
    with (workshop.folder / "models.py").open("a") as file:
        file.write("\n\nclass Gift(Base):\n    __tablename__ = 'gifts'\n")
        file.write("    id = sa.Column(sa.Integer, primary_key=True)\n")

    _, text = _written(workshop)

    assert "Locks taken:\n  orders: ACCESS EXCLUSIVE" in text
    assert "Downgrade loses:\n  the data of table gifts, column orders.land." in text


def test_head_txt_follows(workshop: Workshop) -> None:
    head = workshop.write("migrations/head.txt", "orders\n")
    workshop.orders()
    workshop.add_columns("land = sa.Column(sa.Text)")

    found, _ = _written(workshop)
    plain = workshop.run(
        "revision", "-m", "by hand", "--rev-id", "byhand", "--head", found["revision"]
    )

    assert 0 == plain.exit_code, plain.stderr
    assert "byhand\n" == head.read_text()


def test_a_named_database_is_used_as_before(workshop: Workshop, database: Database) -> None:
    workshop.orders()
    url = {"DATABASE_URL": database.url}

    behind = workshop.run(*WRITE, **url)
    applied: Result = workshop.run("upgrade", **url)
    there = workshop.run(*WRITE, **url, MIGRATE_POSTGRES="9")

    assert (3, 0, 0) == (behind.exit_code, applied.exit_code, there.exit_code), there.stderr
    assert 2 == len(_revisions(workshop))
