"""`migrate rebase`, in real git repositories and with a real ledger."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.terminal import run_on_terminal

_IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")


class Repository:
    """A git repository with the project in it, and head.txt."""

    def __init__(self, project: Project, migrate: Migrate) -> None:
        self._project = project
        self._migrate = migrate
        self.folder = project.folder
        self.head_file = project.folder / "migrations" / "head.txt"
        self.git("init", "--quiet", "--initial-branch=main")
        (self.folder / ".gitignore").write_text("__pycache__\n")
        self.head_file.touch()
        self.add("r1", None)

    def git(self, *words: str, succeeds: bool = True) -> str:
        """Run git; the test fails if it does, or if it succeeds where it should not."""
        command = ["git", *_IDENTITY, *words]
        found = subprocess.run(  # noqa: S603 - our own words
            command, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert succeeds is (found.returncode == 0), found.stdout + found.stderr
        return found.stdout

    def add(self, name: str, down: str | None) -> None:
        """Commit a revision that creates a table, and its head.txt."""
        self.write(name, down)
        self.head_file.write_text(f"{name}\n")
        self.commit(name)

    def write(self, name: str, down: str | None) -> None:
        """Write a revision that creates a table."""
        self._project.revision(name, f'op.execute("CREATE TABLE {name} (id bigint)")', down=down)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", message)

    def branch(self, name: str, *revisions: str, start: str = "main") -> None:
        """Make a branch with these revisions, one on top of the other, and check it out."""
        self.git("checkout", "--quiet", "-b", name, start)
        for revision, down in zip(revisions, ("r1", *revisions), strict=False):
            self.add(revision, down)

    def rebase(self, *words: str, **variables: str) -> dict[str, Any]:
        """Run the command, which must succeed; return what it says it did."""
        result = self._migrate.run("rebase", *words, **variables)
        assert 0 == result.exit_code, result.stdout + result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def heads(self) -> list[str]:
        """Return what `migrate heads` prints."""
        result = self._migrate.run("heads")
        assert 0 == result.exit_code, result.stdout + result.stderr
        return [line.split()[0] for line in result.stdout.splitlines()]


@pytest.fixture
def repository(project: Project, migrate: Migrate) -> Repository:
    """Return a repository whose main branch has a revision."""
    return Repository(project, migrate)


@pytest.fixture
def no_git(project: Project) -> dict[str, str]:
    """Return variables with which git finds no repository around the project."""
    return {"GIT_CEILING_DIRECTORIES": str(project.folder.parent)}


def _refused(result: Result) -> str:
    """Return what a refusal says."""
    last = json.loads(result.stderr.splitlines()[-1])
    assert "run_finished" == last["event"]
    return str(last["summary"])


def _conflict(repository: Repository) -> None:
    """Merge main, which has gone on meanwhile, into a branch: only head.txt conflicts."""
    repository.branch("mine", "m1", "m2")
    repository.git("checkout", "--quiet", "main")
    repository.add("t1", "r1")
    repository.git("checkout", "--quiet", "mine")
    repository.git("merge", "--quiet", "main", succeeds=False)


def test_in_the_middle_of_a_merge(
    repository: Repository, migrate: Migrate, database: Database
) -> None:
    _conflict(repository)
    assert "<<<<<<<" in repository.head_file.read_text()
    before = (repository.folder / "migrations" / "versions" / "m1.py").read_text()

    done = repository.rebase()

    m1 = repository.folder / "migrations" / "versions" / "m1.py"
    assert [{"revision": "m1", "file": str(m1), "before": "r1", "after": "t1"}] == done["moved"]
    assert [str(m1), str(repository.head_file)] == done["written"]
    assert before.replace("down_revision = 'r1'", "down_revision = 't1'") == m1.read_text()
    assert "m2\n" == repository.head_file.read_text()
    assert ["m2"] == repository.heads()
    repository.commit("merged")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert [("m1",), ("m2",), ("r1",), ("t1",)] == database.query(
        "SELECT tablename FROM pg_tables WHERE tablename ~ '^.[0-9]$' ORDER BY 1"
    )


def test_in_the_middle_of_a_rebase(repository: Repository) -> None:
    repository.branch("mine", "m1")
    repository.git("checkout", "--quiet", "main")
    repository.add("t1", "r1")
    repository.git("checkout", "--quiet", "mine")
    repository.git("rebase", "--quiet", "main", succeeds=False)

    done = repository.rebase()

    assert [("m1", "t1")] == [(each["revision"], each["after"]) for each in done["moved"]]
    repository.git("add", ".")
    repository.git("-c", "core.editor=true", "rebase", "--continue")
    assert (["m1"], "m1\n") == (repository.heads(), repository.head_file.read_text())


def test_without_a_conflict_nobody_has_to_be_in_the_middle_of_anything(
    repository: Repository,
) -> None:
    """Without head.txt, git merges two heads; and what is not committed is one's own, too."""
    repository.head_file.unlink()
    repository.commit("no head.txt")
    repository.git("checkout", "--quiet", "-b", "mine")
    repository.write("m1", "r1")
    repository.commit("m1")
    repository.git("checkout", "--quiet", "main")
    repository.write("t1", "r1")
    repository.commit("t1")
    repository.git("checkout", "--quiet", "mine")
    repository.git("merge", "--quiet", "main")
    repository.write("m2", "m1")

    done = repository.rebase()

    assert [("m1", "t1")] == [(each["revision"], each["after"]) for each in done["moved"]]
    assert ["m2"] == repository.heads() == done["heads"]
    assert not repository.head_file.exists()


def test_three_developers(repository: Repository) -> None:
    """Each puts theirs behind what is in main by then."""
    for name in ("anna", "bert", "cleo"):
        repository.branch(name, f"{name}1", f"{name}2")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "anna")

    for name in ("bert", "cleo"):
        repository.git("checkout", "--quiet", name)
        repository.git("merge", "--quiet", "main", succeeds=False)
        repository.rebase()
        repository.commit(f"{name} behind the others")
        repository.git("checkout", "--quiet", "main")
        repository.git("merge", "--quiet", name)

    assert ["cleo2"] == repository.heads()
    history = repository._migrate.run("history").stdout  # noqa: SLF001 - the test's own
    assert ["cleo2", "cleo1", "bert2", "bert1", "anna2", "anna1", "r1"] == [
        line.split(" -> ")[1].split()[0].rstrip(",") for line in history.splitlines()
    ]


def test_a_branch_of_somebody_else_that_is_not_in_main(repository: Repository) -> None:
    """What a merge brings along comes first, whatever the files' names."""
    repository.branch("zoe", "z1")
    repository.branch("mine", "a1")
    repository.git("merge", "--quiet", "zoe", succeeds=False)
    repository.git("checkout", "--quiet", "--ours", "migrations/head.txt")

    done = repository.rebase("--base", "zoe")

    assert [("a1", "z1")] == [(each["revision"], each["after"]) for each in done["moved"]]


def test_the_remotes_main_comes_first(repository: Repository, tmp_path: Path) -> None:
    """The local one may have one's own revisions: work on the trunk."""
    remote, other = tmp_path / "remote", tmp_path / "other"
    repository.git("clone", "--quiet", "--bare", ".", str(remote))
    repository.git("remote", "add", "origin", str(remote))
    repository.git("clone", "--quiet", str(remote), str(other))
    shutil.copy(
        repository.folder / "migrations/versions/r1.py", other / "migrations/versions/t1.py"
    )
    theirs = other / "migrations" / "versions" / "t1.py"
    theirs.write_text(
        theirs.read_text()
        .replace("revision = 'r1'", "revision = 't1'")
        .replace("down_revision = None", "down_revision = 'r1'")
    )
    (other / "migrations" / "head.txt").write_text("t1\n")
    repository.git("-C", str(other), "add", ".")
    repository.git("-C", str(other), "commit", "--quiet", "-m", "t1")
    repository.git("-C", str(other), "push", "--quiet")
    repository.add("m1", "r1")
    repository.git("pull", "--quiet", "--no-rebase", "origin", "main", succeeds=False)

    done = repository.rebase()

    assert [("m1", "t1")] == [(each["revision"], each["after"]) for each in done["moved"]]
    assert "what origin/main does not have" == done["own_by"]


def test_check_changes_nothing(repository: Repository, migrate: Migrate) -> None:
    _conflict(repository)
    before = repository.git("status", "--porcelain"), repository.head_file.read_text()

    result = migrate.run("rebase", "--check")

    assert 65 == result.exit_code
    assert "There is something to rebase: m1 now follows t1 (was r1)." in _refused(result)
    assert before == (repository.git("status", "--porcelain"), repository.head_file.read_text())
    repository.rebase()
    assert 0 == migrate.run("rebase", "--check").exit_code


def test_nothing_to_do(repository: Repository, project: Project, migrate: Migrate) -> None:
    repository.branch("mine", "m1")

    assert {"moved": [], "written": [], "heads": ["m1"]}.items() <= repository.rebase().items()
    screen = run_on_terminal(project, migrate, "rebase")
    assert (0, ["Nothing to rebase: there is one head, m1."]) == (
        screen.exit_code,
        screen.text.splitlines(),
    )


def test_what_it_says(repository: Repository, project: Project, migrate: Migrate) -> None:
    _conflict(repository)

    screen = run_on_terminal(project, migrate, "rebase")

    assert [
        "m1 now follows t1 (was r1).",
        "head.txt names m2.",
        "Counted as your own: what main does not have. Now there is one head, m2.",
        "Tell git that it is resolved: git add migrations/head.txt",
    ] == screen.text.splitlines()


def test_a_head_file_that_is_behind_is_written(repository: Repository) -> None:
    repository.branch("mine", "m1")
    repository.head_file.write_text("r1\n")

    assert [str(repository.head_file)] == repository.rebase()["written"]
    assert "m1\n" == repository.head_file.read_text()


def test_a_merge_of_ones_own(repository: Repository, migrate: Migrate) -> None:
    _conflict(repository)
    repository.write("merge", "x")
    file = repository.folder / "migrations" / "versions" / "merge.py"
    file.write_text(file.read_text().replace("'x'", "('m2', 't1')"))
    repository.write("m3", "r1")

    result = migrate.run("rebase")

    assert 65 == result.exit_code
    assert "merge.py is a merge of" in _refused(result)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--base", "nobodys"], "git knows no branch or commit 'nobodys'."),
        ([], "git knows none of origin/main, main, origin/master, master"),
    ],
)
def test_a_branch_that_does_not_exist(
    repository: Repository, migrate: Migrate, words: list[str], said: str
) -> None:
    repository.git("branch", "--quiet", "-m", "main", "trunk")
    repository.write("m1", "r1")
    repository.write("t1", "r1")

    result = migrate.run("rebase", *words)

    assert 64 == result.exit_code
    assert said in _refused(result)


def test_neither_git_nor_a_database(
    project: Project, migrate: Migrate, no_git: dict[str, str]
) -> None:
    project.revision("r1")
    assert 0 == migrate.run("rebase", **no_git).exit_code
    project.revision("r2", down=None)

    result = migrate.run("rebase", **no_git)

    assert 64 == result.exit_code
    assert "Run it in a git repository, or name a database" in _refused(result)


def test_what_the_database_has_is_not_moved(
    repository: Repository, migrate: Migrate, database: Database
) -> None:
    repository.branch("mine", "m1")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    repository.git("checkout", "--quiet", "main")
    repository.add("t1", "r1")
    repository.git("checkout", "--quiet", "mine")
    repository.git("merge", "--quiet", "main", succeeds=False)
    before = (repository.folder / "migrations" / "versions" / "m1.py").read_text()

    result = migrate.run("rebase", DATABASE_URL=database.url)

    assert 65 == result.exit_code
    said = _refused(result)
    assert "The database has m1 already" in said
    assert "`migrate downgrade r1`" in said
    assert before == (repository.folder / "migrations" / "versions" / "m1.py").read_text()
    assert "<<<<<<<" in repository.head_file.read_text()
    assert 0 == migrate.run("downgrade", "r1", "--yes", DATABASE_URL=database.url).exit_code
    assert ["m1"] == repository.rebase(DATABASE_URL=database.url)["heads"]


def test_without_git_the_ledger_says_what_is_ones_own(
    project: Project, migrate: Migrate, database: Database, no_git: dict[str, str]
) -> None:
    project.table("r1", "one")
    project.table("t1", "two")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    project.revision("m1", down="r1")
    project.revision("m2", down="m1")

    result = migrate.run("rebase", DATABASE_URL=database.url, **no_git)

    assert 0 == result.exit_code, result.stderr
    done = json.loads(result.stdout)
    assert [("m1", "t1")] == [(each["revision"], each["after"]) for each in done["moved"]]
    assert ("what the database does not have", ["m2"]) == (done["own_by"], done["heads"])
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code


def test_without_git_two_that_nobody_has_applied(
    project: Project, migrate: Migrate, database: Database, no_git: dict[str, str]
) -> None:
    project.table("r1", "one")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    project.revision("m1", down="r1")
    project.revision("m2", down="r1")

    result = migrate.run("rebase", DATABASE_URL=database.url, **no_git)

    assert 65 == result.exit_code
    assert "The database has none of m1, m2" in _refused(result)


@pytest.mark.parametrize(("words", "exit_code"), [([], 0), (["--applied"], 69)])
def test_a_database_that_is_not_there(
    repository: Repository, migrate: Migrate, words: list[str], exit_code: int
) -> None:
    """With git, it is left out with a warning, unless it must be asked."""
    _conflict(repository)

    result = migrate.run(
        "rebase",
        *words,
        DATABASE_URL="postgresql://shop@127.0.0.1:1/shop",
        MIGRATE_CONNECT_TIMEOUT="1",
    )

    assert exit_code == result.exit_code, result.stderr
    assert ("database_skipped" in result.stderr) is not bool(words)


def test_nothing_is_changed_if_a_file_cannot_be_edited(
    repository: Repository, migrate: Migrate
) -> None:
    _conflict(repository)
    file = repository.folder / "migrations" / "versions" / "m1.py"
    file.write_text(file.read_text().replace("down_revision = 'r1'", "down_revision = 'r' + '1'"))

    result = migrate.run("rebase")

    assert 65 == result.exit_code
    assert "down_revision is not one plain string" in _refused(result)
    assert "<<<<<<<" in repository.head_file.read_text()
