"""What `migrate init` lays down runs at once: with the runner, and with plain Alembic."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.plain_alembic import alembic
from tests.fixtures.runner import Migrate

VARIANTS: Final = (
    (),
    ("--async",),
    ("--sqlmodel",),
    ("--pyproject",),
    ("--async", "--sqlmodel", "--pyproject"),
)
_GIFT: Final = {
    False: """\
from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Gift(Base):
    \"\"\"Something given.\"\"\"

    __tablename__ = "gifts"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(unique=True)
""",
    True: """\
from sqlmodel import Field, SQLModel


class Gift(SQLModel, table=True):
    \"\"\"Something given.\"\"\"

    __tablename__ = "gifts"

    id: int | None = Field(default=None, primary_key=True)
    note: str = Field(index=True)
    code: str = Field(unique=True)
""",
}


@pytest.fixture(params=VARIANTS, ids=lambda flags: "".join(flags) or "sync")
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return the flags of each variant."""
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture
def laid_down(flags: tuple[str, ...], tmp_path: Path, migrate: Migrate) -> Path:
    """Return the folder of a project of each variant; `migrate` runs in it."""
    migrate.folder = tmp_path
    made = migrate.run("init", "gift-shop", *flags)
    assert 0 == made.exit_code, made.stderr
    migrate.folder = tmp_path / "gift-shop"
    return migrate.folder


def _columns(database: Database) -> list[tuple[str, str, str]]:
    return database.query(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'customers' ORDER BY ordinal_position"
    )


def test_it_migrates_and_the_models_are_what_was_migrated(
    laid_down: Path, database: Database, migrate: Migrate
) -> None:
    first = migrate.run(DATABASE_URL=database.url)
    checked = migrate.run("check", DATABASE_URL=database.url)

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["0001"] == first.finished["to_revisions"]
    assert 0 == checked.exit_code, checked.stdout + checked.stderr
    assert ["id", "email", "created_at"] == [name for name, _, _ in _columns(database)]
    constraints = database.query("SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u')")
    assert {("pk_customers",), ("uq_customers_email",)} <= set(constraints)
    assert laid_down.is_dir()


def test_plain_alembic_makes_the_same(
    laid_down: Path, database: Database, migrate: Migrate
) -> None:
    other = create_database(database.server)
    try:
        alembic(laid_down, "upgrade", "head", DATABASE_URL=database.url)
        migrated = migrate.run(DATABASE_URL=other.url)
        after = migrate.run(DATABASE_URL=database.url)

        assert 0 == migrated.exit_code, migrated.stdout
        assert _columns(other) == _columns(database)
        assert "up_to_date" == after.finished["outcome"]
    finally:
        drop_database(other)


def test_a_model_becomes_a_revision_whose_name_sorts_behind(
    laid_down: Path, flags: tuple[str, ...], database: Database, migrate: Migrate
) -> None:
    (laid_down / "models" / "gift.py").write_text(_GIFT["--sqlmodel" in flags])
    with (laid_down / "models" / "__init__.py").open("a") as file:
        file.write("from models.gift import Gift as Gift\n")
    migrate.run(DATABASE_URL=database.url)

    written = migrate.run(
        "revision", "--autogenerate", "-m", "gifts", "--rev-id", "ff", DATABASE_URL=database.url
    )
    applied = migrate.run(DATABASE_URL=database.url)

    assert 0 == written.exit_code, written.stderr
    names = sorted(path.name for path in (laid_down / "migrations" / "versions").glob("*.py"))
    assert [True, True] == [bool(re.fullmatch(r"\d{8}_\d{6}_\w+_\w+\.py", name)) for name in names]
    assert ["0001_customers.py", "ff_gifts.py"] == [name.split("_", 2)[2] for name in names]
    text = (laid_down / "migrations" / "versions" / names[-1]).read_text()
    assert '"""gifts.\n\nWhat and why:\nLocks taken' in text
    constraints = ("pk_gifts", "ix_gifts_note", "uq_gifts_code")
    assert [] == [name for name in constraints if f"op.f('{name}')" not in text]
    assert 0 == applied.exit_code, applied.stdout
    assert 0 == migrate.run("check", DATABASE_URL=database.url).exit_code


def test_verify_finds_nothing(laid_down: Path, migrate: Migrate) -> None:
    """Without a database: on a server of its own."""
    result = migrate.run("verify", "--all", "--format", "text", **_own_cache(laid_down))

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "No finding in 1 revision." in result.stdout


def test_nothing_is_left_to_write(laid_down: Path, migrate: Migrate) -> None:
    """Without a database, too."""
    before = sorted(laid_down.rglob("*.py"))

    result = migrate.run("revision", "--autogenerate", "-m", "more", **_own_cache(laid_down))

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert before == sorted(laid_down.rglob("*.py"))


def _own_cache(folder: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(folder.parent / "cache")}


def test_the_downgrade_and_the_script(
    laid_down: Path, database: Database, migrate: Migrate
) -> None:
    migrate.run(DATABASE_URL=database.url)

    script = migrate.run("upgrade", "--sql")
    undone = migrate.run("downgrade", "base", "--yes", DATABASE_URL=database.url)

    assert "CREATE TABLE customers" in script.stdout
    assert 0 == undone.exit_code, undone.stdout
    assert [] == _columns(database)
    assert laid_down.is_dir()


def test_without_a_database_it_says_what_to_set(laid_down: Path, migrate: Migrate) -> None:
    result = migrate.run()

    assert 78 == result.exit_code, result.stdout
    assert "set DATABASE_URL" in result.finished["summary"]
    assert laid_down.is_dir()


def test_a_build_seals_it_for_the_fast_path(
    laid_down: Path, database: Database, migrate: Migrate
) -> None:
    built = migrate.run("build", "--seal")
    migrate.run(DATABASE_URL=database.url)

    again = migrate.start_command(
        [sys.executable, "-m", "migration_runner"], DATABASE_URL=database.url
    ).wait()

    assert 0 == built.exit_code, built.stdout
    (written,) = built.of("manifest_written")
    assert (True, None) == (written["sealed"], written.get("fast_path_off"))
    assert "up_to_date" == again.finished["outcome"]
    assert laid_down.is_dir()


def test_it_needs_nothing_of_the_runner(
    laid_down: Path, flags: tuple[str, ...], database: Database
) -> None:
    """Where only Alembic and the drivers are: the runner cannot be imported."""
    blocked = "import sys; sys.modules['migration_runner'] = None; from alembic.config import main"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", f"{blocked}; main(['upgrade', 'head'])"],
        cwd=laid_down,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert [("0001",)] == database.query("SELECT version_num FROM alembic_version")
    assert ("--pyproject" in flags) == (not (laid_down / "alembic.ini").exists())


def test_what_it_prints(tmp_path: Path, migrate: Migrate) -> None:
    migrate.folder = tmp_path

    text = migrate.run("init", "one")
    facts = migrate.run("init", "two", "--json")

    files = sorted(
        path.relative_to(tmp_path / "two").as_posix()
        for path in (tmp_path / "two").rglob("*")
        if path.is_file()
    )
    answer = json.loads(facts.stdout)
    assert files == sorted(answer["written"])
    assert (str(tmp_path / "two"), []) == (answer["folder"], answer["kept"])
    assert text.stdout.startswith(f"Wrote {len(files)} files to one/\n  written  alembic.ini\n")
    assert "\nNext:\n  cd one\n  pip install " in text.stdout
    assert "\n  migrate verify\n" in text.stdout
    assert "" == text.stderr
