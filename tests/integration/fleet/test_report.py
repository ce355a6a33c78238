"""The one report of a fleet: on both streams, in the page and for Kubernetes; without a secret."""

from __future__ import annotations

import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.targets import Databases, answer, log_of, outcomes, write_targets
from tests.fixtures.terminal import run_on_terminal

# All words of all processes of this machine, while a target's revision runs.
LOOK_AROUND = """\
from pathlib import Path
words = []
for file in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words.append(file.read_bytes().replace(b"\\\\0", b" "))
    except OSError:
        pass
Path("arguments").write_bytes(b"\\\\n".join(words))
op.execute("CREATE TABLE one (id int)")
"""
FAILS = """\
import os
print("from print: " + os.environ["DATABASE_URL"])
op.execute("DO $$ BEGIN RAISE WARNING 'from the server: %', '{url}'; END $$")
op.execute("SELECT 1/0 AS \\"" + os.environ["DATABASE_URL"].replace('"', "") + "\\"")
"""


# What the password begins with, in each of its spellings.
SECRET = "canary%"


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_password_is_anywhere(
    project: Project, migrate: Migrate, databases: Databases, tmp_path: Path, level: str
) -> None:
    """Neither in the streams, the page, nor the termination message; nor any process's words."""
    project.revision("r1", LOOK_AROUND.replace("\\\\", "\\"))
    one, broken, refused = databases(3)
    broken.query("CREATE TABLE one (id int)")
    termination = tmp_path / "termination-log"
    termination.touch()
    targets = write_targets(
        project,
        f"one {one.url}",
        f"broken {broken.url}",
        f"refused {refused.url.replace(refused.owner, 'nobody_there')}",
        f"missing {refused.url}x",
    )
    result = migrate.run(
        "fleet", "--targets", targets, "--json", "--html", "page.html",
        MIGRATE_TERMINATION_LOG=str(termination), MIGRATE_LOG_LEVEL=level,
        MIGRATE_LOG_FORMAT="json",
    )  # fmt: skip
    assert {
        "one": "applied",
        "broken": "failed",
        "refused": "failed",
        "missing": "failed",
    } == outcomes(result)
    written = {
        "stdout": result.stdout,
        "stderr": result.stderr,
        "page": (project.folder / "page.html").read_text(),
        "termination": termination.read_text(),
        "arguments": (project.folder / "arguments").read_text(errors="replace"),
    }
    assert CANARY.startswith(SECRET)
    assert [] == [name for name, text in written.items() if SECRET in text]
    # That was the time to look.
    assert "migration_runner" in written["arguments"]
    assert "4 targets: 1 applied, 3 failed." in written["termination"]


def test_what_a_target_prints_is_redacted(
    project: Project, migrate: Migrate, database: Database
) -> None:
    """What a revision prints, what the server says, and the statement that fails."""
    project.revision("r1", FAILS.replace("{url}", database.url.replace("%", "%%")))
    targets = write_targets(project, f"a {database.url}")
    result = migrate.run("fleet", "--targets", targets, "--json", MIGRATE_LOG_LEVEL="debug")
    assert 1 == result.exit_code
    assert SECRET not in result.stdout + result.stderr
    assert "from print: postgresql://" in result.stderr


class _Text(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        """Collect it."""
        self.text += data


def test_the_answer_the_log_and_the_page_agree(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """One document on standard output; each outcome once in the log; all of it in the page."""
    project.table("r1", "one")
    project.declare()
    done, fresh, broken = databases(3)
    broken.query("CREATE TABLE one (id int)")
    targets = write_targets(
        project, f"done {done.url}", f"fresh {fresh.url}", f"broken {broken.url}"
    )
    migrate.run("fleet", "--targets", targets, "--only", "done")
    result = migrate.run("fleet", "--targets", targets, "--json", "--html", "page.html")

    found = answer(result)
    assert {"applied": 1, "up_to_date": 1, "failed": 1} == found["outcomes"]
    assert (3, "head", 1) == (found["targets"], found["target"], result.exit_code)
    summary = (
        "3 targets: 1 applied, 1 up to date, 1 failed. Failed: broken."
        " Fix what failed, then run again."
    )
    assert summary == found["summary"]
    by_name = {each["target"]: each for each in found["results"]}
    assert ["done", "fresh", "broken"] == [*by_name]
    assert {
        "target": "done", "outcome": "up_to_date", "exit_code": 0, "applied": [],
        "from_revisions": ["r1"], "to_revisions": ["r1"],
    } == by_name["done"]  # fmt: skip
    assert (["r1"], [], ["r1"]) == tuple(
        by_name["fresh"][name] for name in ("applied", "from_revisions", "to_revisions")
    )

    log = log_of(result)
    assert 1 == len({each["run_id"] for each in log})
    ended = {each["target"]: each for each in log if each["event"] == "target_finished"}
    assert {"fresh": "info", "broken": "error"} == {
        name: each["level"] for name, each in ended.items()
    }
    assert by_name["broken"]["summary"] == ended["broken"]["summary"]
    assert summary == log[-1]["summary"]
    assert {"fresh", "broken"} == {each["target"] for each in log[-1]["fleet"]["slowest"]}

    page = _Text()
    page.feed((project.folder / "page.html").read_text())
    for text in (summary, by_name["broken"]["summary"], by_name["broken"]["command"]):
        assert " ".join(text.split()) in " ".join(page.text.split())


def test_a_terminal_has_a_line_for_each_target(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """What failed says how to run it alone."""
    project.table("r1", "one")
    fine, broken = databases(2)
    broken.query("CREATE TABLE one (id int)")
    targets = write_targets(project, f"fine {fine.url} ring=canary", f"broken {broken.url}")
    words = ("fleet", "--targets", targets, "--canary", "ring=canary", "--jobs", "1")
    code, text = run_on_terminal(project, migrate, *words)
    lines = [line[10:] for line in text.splitlines()]
    assert 1 == code
    assert "2 targets: 0 up to date, 2 to run" in lines[1]
    assert [line for line in lines if line.startswith("✓ fine  Applied 1 revision in ")]
    assert [line for line in lines if line.startswith("✗ broken  Revision r1 failed (")]
    assert f"  alone: migrate fleet --targets {targets} --only broken" in lines
    assert (
        "✗ 2 targets: 1 applied, 1 failed. Failed: broken. Fix what failed, then run again."
        == (lines[-1])
    )
    assert "Traceback" not in text


def test_the_command_that_runs_one_alone_does(
    project: Project, migrate: Migrate, databases: Databases
) -> None:
    """As it is printed, with the words of the command line that it needs."""
    project.table("r1", "one")
    project.table("r2", "two")
    (database,) = databases(1)
    database.query("CREATE TABLE one (id int)")
    (project.folder / "alembic.ini").rename(project.folder / "other name.ini")
    targets = write_targets(project, f"it's {database.url}", "gone postgresql://127.0.0.1:1/d")
    words = ("-c", "other name.ini", "fleet", "--targets", targets, "--json", "--target", "r1")
    result = migrate.run(*words, MIGRATE_WAIT_TIMEOUT="0")
    command = answer(result)["results"][0]["command"]
    database.query("DROP TABLE one")

    program, *alone = shlex.split(command)
    assert "migrate" == program
    again = migrate.run(*alone)
    assert ("1 target: 1 applied.", 0) == (again.finished["summary"], again.exit_code)
    assert [("r1",)] == database.query("SELECT version_num FROM alembic_version")
