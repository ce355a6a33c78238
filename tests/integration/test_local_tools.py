"""What `make run`, `make psql`, `make reset` and `make picture` do around the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.picture import shorten
from tests.fixtures.databases import Database
from tests.fixtures.runner import ROOT

Done = subprocess.CompletedProcess[str]
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
ASK = """\
import os, psycopg
connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
connection.execute("CREATE TABLE IF NOT EXISTS runs (number serial)")
print(connection.execute("INSERT INTO runs DEFAULT VALUES RETURNING number").fetchone()[0])
raise SystemExit(3)
"""


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Return a folder whose name a shell would split, with the scripts of this checkout.

    Not one of pytest's, which shuts them: the server can be another user.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "a folder" / "it's (mine)"
        for part in ("scripts", "migration_runner"):
            shutil.copytree(ROOT / part, folder / part)
        yield folder


def _run(folder: Path, *words: str, **variables: str) -> Done:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(  # noqa: S603 - our own arguments
        words,
        cwd=folder,
        env={**environment, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def _local(folder: Path, *words: str, **variables: str) -> Done:
    return _run(folder, sys.executable, "-m", "scripts.local_postgres", *words, **variables)


def test_the_embedded_database_in_any_folder(checkout: Path) -> None:
    command = sys.executable, "-c", ASK
    first, second = (_local(checkout, *command) for _ in range(2))
    reset = _local(checkout, "--reset")

    assert (3, "1\n") == (first.returncode, first.stdout), first.stderr
    assert (3, "2\n") == (second.returncode, second.stdout), second.stderr
    assert (0, "Removed the embedded database.\n", "") == (
        reset.returncode,
        reset.stdout,
        reset.stderr,
    )
    assert not (checkout / ".postgres").exists()


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATE_DATABASE_URL_FILE", "PGHOST"])
def test_another_database_is_not_reset(checkout: Path, name: str) -> None:
    (checkout / ".postgres").mkdir()

    result = _local(checkout, "--reset", **{name: "somewhere"})

    assert 1 == result.returncode
    assert f"{name} names another database" in result.stderr
    assert (checkout / ".postgres").exists()


def test_a_database_in_use_is_not_reset(checkout: Path) -> None:
    command = sys.executable, "-m", "scripts.local_postgres", "--reset"

    # The variable is what names it: the command inside is to see the embedded one as in use.
    inside = _local(checkout, "env", "-u", "DATABASE_URL", *command)

    assert 1 == inside.returncode
    assert "in use" in inside.stderr
    assert (checkout / ".postgres").exists()
    assert (0, False) == (_local(checkout, "--reset").returncode, (checkout / ".postgres").exists())


def test_two_commands_share_the_database(checkout: Path) -> None:
    command = "env", "-u", "DATABASE_URL", sys.executable, "-m", "scripts.local_postgres"

    inside = _local(checkout, *command, sys.executable, "-c", ASK)
    after = _local(checkout, sys.executable, "-c", ASK)

    assert (3, "1\n") == (inside.returncode, inside.stdout), inside.stderr
    assert (3, "2\n") == (after.returncode, after.stdout), after.stderr


def test_the_database_of_an_earlier_release_is_named(checkout: Path) -> None:
    (checkout / ".postgres").mkdir()
    (checkout / ".postgres" / "PG_VERSION").write_text("18\n")

    result = _local(checkout, "true")

    assert 1 == result.returncode
    assert "earlier release" in result.stderr


def test_psql_is_on_the_runs_database(database: Database) -> None:
    url = database.url.replace("postgresql:", "postgresql+psycopg:") + "?keepalives=0"
    words = "-m", "scripts.psql", "-Atc", "SELECT current_database(), current_user"

    result = _run(ROOT, sys.executable, *words, DATABASE_URL=url)

    assert (f"{database.name}|{database.owner}\n", "") == (result.stdout, result.stderr)


def test_make_says_the_exit_code_that_it_does_not_have() -> None:
    # As in the Makefile: from there, so that no folder above matters.
    binaries = f"BIN={os.path.relpath(Path(sys.executable).parent, ROOT)}"
    words = "make", "-o", ".venv/.installed", binaries, "run", "A=--nonsense"

    result = _run(ROOT, *words, DATABASE_URL="postgresql://nowhere")

    assert 2 == result.returncode
    assert "migrate (here: make run) ended with exit code 64." in result.stderr.splitlines()


def test_a_picture_leaves_out_the_middle() -> None:
    lines = [str(number) for number in range(14)]

    assert lines[:13] == shorten(lines[:13])
    assert [*lines[:8], "...", *lines[10:]] == shorten(lines)
