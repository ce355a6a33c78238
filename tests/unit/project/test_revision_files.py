"""A noted history is the one that the files make, and is noted only where files speak plainly."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from migration_runner.errors import HistoryError
from migration_runner.history.history import Revision
from migration_runner.history.manifest_history import ManifestHistory
from migration_runner.history.request import Request
from migration_runner.history.revision_names import declares_constants
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import AlembicOptions
from tests.fixtures.project import Project

MISSING = "not_to_be_found"


@pytest.fixture
def branchy(project: Project) -> Project:
    """Return a project with branches, a merge, labels, dependencies and a line."""
    project.revision("r1")
    project.revision("r2", header="branch_labels = 'main'")
    project.revision("r3", header="depends_on = None")
    project.revision("side1", down=None, header="branch_labels = ('side',)\ndepends_on = 'r2'")
    project.revision("side2", down="side1", header="breaks_before = 'r2'")
    project.revision("r4", down=("r3", "side2"))
    project.revision("r5", down="r3", header="depends_on = ('side2', 'r4')")
    project.revision("other", down=None, header="depends_on = 'side'")
    return project


def _projects(project: Project) -> tuple[AlembicProject, AlembicProject]:
    """Return the project from its files, and from what would be noted of it."""
    options = AlembicOptions((str(project.folder / "alembic.ini"),))
    from_files = AlembicProject(options)
    revisions = from_files.manifest_revisions()
    assert revisions is not None
    return from_files, AlembicProject(
        options,
        manifest=ManifestHistory(
            revisions,
            tuple(from_files.history.heads),
            tuple(map(str, from_files.folders[1:])),
        ),
    )


def _bare(revision: Revision) -> dict[str, object]:
    parents = {"parents": sorted(revision.parents)}
    return revision._asdict() | parents | {"file_sha256": None, "code_sha256": None}


def test_it_is_the_same_history(branchy: Project) -> None:
    from_files, noted = (project.history for project in _projects(branchy))

    assert sorted(from_files.heads) == sorted(noted.heads)
    assert from_files.revisions.keys() == noted.revisions.keys()
    for name in from_files.revisions:
        assert _bare(from_files.revisions[name]) == _bare(noted.revisions[name])


def test_its_plans_are_the_same(branchy: Project) -> None:
    from_files, noted = _projects(branchy)
    targets = ("heads", "r3", "side@head", "main@head", "+1", "side2", MISSING)
    places = [(), *itertools.combinations(sorted(from_files.history.revisions), 1)]
    places += [("r3", "side2"), ("r4",), ("r5",), ("other", "r5"), ("side1", "r2")]

    def plan(project: AlembicProject, request: Request, heads: tuple[str, ...]) -> object:
        try:
            return [step.revision for step in project.plan(request, heads)]
        except HistoryError as error:
            return error.message

    for heads in places:
        for target in targets:
            for move in (Request("upgrade", (target,)), Request("downgrade", (target,))):
                assert plan(from_files, move, heads) == plan(noted, move, heads)


def test_only_what_is_planned_is_executed(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executed = tmp_path / "executed"
    monkeypatch.setenv("EXECUTED", str(executed))
    for name in ("r1", "r2", "r3", "r4"):
        append = f"with open(os.environ['EXECUTED'], 'a') as file:\n    file.write('{name} ')"
        project.revision(name, header=f"import os\n{append}")
    _, noted = _projects(project)
    executed.write_text("")

    steps = noted.plan(Request("upgrade", ("head",)), ("r2",))

    assert ["r3", "r4"] == [step.revision for step in steps]
    assert {"r3", "r4"} == set(executed.read_text().split())


def test_a_planned_file_that_does_not_load(project: Project) -> None:
    project.revision("r1")
    file = project.revision("r2", header="import decimal")
    _, noted = _projects(project)
    file.write_text(file.read_text().replace("decimal", MISSING))

    with pytest.raises(
        HistoryError, match=f"cannot be loaded: {file}, line 7: ModuleNotFoundError"
    ):
        noted.plan(Request("upgrade", ("head",)), ("r1",))


def test_what_is_current_is_what_alembic_finds(branchy: Project) -> None:
    from_files, noted = _projects(branchy)
    theirs = ScriptDirectory(str(branchy.folder / "migrations"))
    revisions = sorted(from_files.history.revisions)

    for heads in (*itertools.combinations(revisions, 1), *itertools.combinations(revisions, 2)):
        expected = {script.revision for script in theirs.get_all_current(heads)}
        for project in (from_files, noted):
            directory = project.directory
            assert expected == {script.revision for script in directory.get_all_current(heads)}


PLAIN = "revision = 'r2'\ndown_revision = 'r1'\n"
VALUES = {"revision": "r2", "down_revision": "r1"}


@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        (PLAIN, True),
        ("revision: str = 'r2'\ndown_revision: str | None = 'r1'\nbranch_labels = None", True),
        (PLAIN + "depends_on = ('a', 'b')", True),
        (PLAIN + "def upgrade():\n    revisions = 1", True),
        ("import os\nrevision = 'r2'\ndown_revision = os.environ.get('DOWN', 'r1')", False),
        (PLAIN + "if True:\n    down_revision = 'r1'", False),
        (PLAIN + "down_revision = 'r1'", False),
        (PLAIN + "from shop import *", False),
        (PLAIN + "from shop import line as breaks_before", False),
        ("revision = 'r2'\nimport shop as down_revision", False),
        ("revision = 'r2'\nfor down_revision in ('r1',): pass", False),
        (PLAIN + "def f():\n    global down_revision\n    down_revision = 'r0'", False),
        ("revision = down_revision = 'r1'", False),
    ],
)
def test_what_is_said_plainly(tmp_path: Path, text: str, plainly: bool) -> None:  # noqa: FBT001 - a parameter
    path = tmp_path / "r2.py"
    path.write_text(text)
    values = dict(VALUES)
    if "depends_on" in text:
        values |= {"depends_on": ("a", "b")}  # type: ignore[dict-item]  # as the file has it

    assert plainly == declares_constants(str(path), values)


def test_a_compiled_file_says_nothing(tmp_path: Path) -> None:
    assert not declares_constants(str(tmp_path / "r2.pyc"), VALUES)


@pytest.mark.parametrize(
    ("request_", "at", "message"),
    [
        (
            Request("downgrade", ("-1",)),
            "r4",
            "-1 is ambiguous below a merge: name the revision to downgrade to.",
        ),
        (
            Request("upgrade", ("+1",)),
            "r3",
            "+1 is ambiguous above a branch: name the revision to upgrade to.",
        ),
    ],
)
def test_an_ambiguous_target_is_named(
    branchy: Project, request_: Request, at: str, message: str
) -> None:
    project = AlembicProject(AlembicOptions((str(branchy.folder / "alembic.ini"),)))

    with pytest.raises(HistoryError) as raised:
        project.plan(request_, (at,))

    assert message == raised.value.message


@pytest.mark.parametrize(
    ("down", "header", "said"),
    [
        ("abc", "depends_on = None", "refers to abc, which does not exist"),
        (None, "depends_on = 'abc'", "refers to abc, which does not exist"),
        ("side", "depends_on = None", "a down_revision is 'side', which is no revision's id"),
    ],
)
def test_a_parent_needs_its_whole_id(
    project: Project, down: str | None, header: str, said: str
) -> None:
    """Alembic accepts neither a beginning nor, in `down_revision`, a label."""
    project.revision("abcdef", header="branch_labels = 'side'")
    project.revision("other", down=down, header=header)

    with pytest.raises(HistoryError) as caught:
        AlembicProject(AlembicOptions((str(project.folder / "alembic.ini"),)))

    assert said in caught.value.message
