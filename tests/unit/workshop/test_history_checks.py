"""Everything that is wrong with a history is found, each with its place."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest
from alembic.script import Script

from migration_runner.settings.settings import Settings, load_settings
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.history_checks import check_history, revision_files
from tests.fixtures.project import Project
from tests.fixtures.runner import ROOT

LONG = "2026_11_26_add_the_customers_address"


@pytest.fixture(autouse=True)
def _there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)


def _settings(project: Project, **environment: str) -> Settings:
    return load_settings(environment, {"files": [str(project.folder / "alembic.ini")]})


def _check(project: Project, longest_id: int | None = None, **environment: str) -> list[Finding]:
    return check_history(_settings(project, **environment), longest_id=longest_id)


def _places(findings: list[Finding]) -> list[tuple[str, str, str, int | None]]:
    return [
        (each.check, each.revision, each.file.name if each.file else "", each.line)
        for each in findings
    ]


def _header(file: Path, name: str) -> int:
    lines = file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(name))


@pytest.mark.parametrize("folder", [ROOT, ROOT / "tests" / "projects" / "shop"])
def test_our_own_histories_have_no_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert [] == check_history(load_settings({}, {}))


def test_branches_merges_labels_and_dependencies_are_no_finding(project: Project) -> None:
    project.revision("r1")
    project.revision("r2", header="branch_labels = 'main'")
    project.revision("side1", down=None, header="branch_labels = ('side',)\ndepends_on = 'r2'")
    project.revision("side2", down="side1", header="breaks_before = 'r2'")
    project.revision("r4", down=("r2", "side2"))
    project.revision("other", down="r4", header="depends_on = ['side', 'r2']")

    assert [] == _check(project)


def test_several_heads(project: Project) -> None:
    project.revision("r1")
    project.revision("r2")
    project.revision("r3", down="r1")

    (found,) = _check(project)

    assert ("several-heads", None) == (found.check, found.file)
    assert "The history has 2 heads: r2 (r2.py); r3 (r3.py)." == found.message
    assert "`migrate rebase`" in found.advice
    assert [] == _check(project, MIGRATE_TARGET="heads")
    assert [] == _check(project, MIGRATE_TARGET="r2 r3")


def test_every_broken_file_is_named(project: Project) -> None:
    project.revision("r1")
    project.revision("r2", header="import nobodys")
    project.revision("r3", header="def f(:")
    project.revision("r4", header="raise SystemExit(3)")
    project.revision("r5", header="\n\nundefined")
    (project.versions / "no_revision.py").write_text("")
    project.revision("r6", header="\0")
    project.revision("bad@id")

    found = _check(project)

    header = _header(project.versions / "r1.py", "down_revision") + 1
    assert {
        "r2.py": ("r2", header, "ModuleNotFoundError: No module named 'nobodys'."),
        "r3.py": ("r3", header, "SyntaxError: invalid syntax (r3.py, line"),
        "r4.py": ("r4", header, "SystemExit: 3."),
        "r5.py": ("r5", header + 2, "NameError: name 'undefined' is not defined."),
        "r6.py": ("r6", 1, "SyntaxError: source code string cannot contain null bytes."),
        "no_revision.py": ("", 1, "Could not determine revision id from filename"),
        "bad@id.py": ("bad@id", 1, "Character(s) '@' not allowed in revision identifier"),
    } == {
        each.file.name: (each.revision, each.line, _begin(each.message))
        for each in found
        if each.file
    }
    assert {"broken-file"} == {each.check for each in found}
    assert "Correct it, or install what it imports." == found[0].advice


BEGINNINGS = (
    "SyntaxError: invalid syntax (r3.py, line",
    "Could not determine revision id from filename",
    "Character(s) '@' not allowed in revision identifier",
)


def _begin(message: str) -> str:
    text = message.removeprefix("The file cannot be imported: ")
    return next((each for each in BEGINNINGS if text.startswith(each)), text)


def test_a_file_that_cannot_be_loaded_is_in_the_graph_all_the_same(project: Project) -> None:
    """Otherwise its child would be called an orphan, and its parent a head."""
    project.revision("r1")
    project.revision("r2", header="import nobodys")
    project.revision("r3")
    project.revision("r4", down=("r3",), header="def f(:")

    assert [("broken-file", "r2"), ("broken-file", "r4")] == [
        (each.check, each.revision) for each in _check(project)
    ]


def test_a_file_that_is_no_revision_hides_nothing(project: Project) -> None:
    project.revision("r1", down="gone")
    (project.versions / "helper.py").write_text("x = 1\n")

    assert ["broken-file", "broken-history"] == [each.check for each in _check(project)]


def test_of_what_its_source_does_not_say_nothing_is_concluded(project: Project) -> None:
    """Its child is no orphan, and its parent no head."""
    project.revision("r1")
    file = project.revision("r2", header="import nobodys")
    file.write_text(file.read_text().replace("revision = 'r2'", "revision = 'r' + '2'"))
    project.revision("r3")

    assert [("broken-file", "", "r2.py")] == [each[:3] for each in _places(_check(project))]


def test_of_a_module_that_a_revision_imports(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(project.folder))
    (project.folder / "helper_of_revisions.py").write_text("x = 1\nnobodys\n")
    file = project.revision("r1", header="import helper_of_revisions")

    (found,) = _check(project)

    helper = project.folder / "helper_of_revisions.py"
    assert found.message.endswith(f"is not defined. That is in {helper}, line 2.")
    assert (file, _header(file, "import helper")) == (found.file, found.line)


def test_a_file_of_macos(project: Project) -> None:
    project.revision("r1")
    (project.versions / "._r1.py").write_bytes(b"\0\5\26\7")

    (found,) = _check(project)

    assert "delete it" in found.advice


def test_duplicates_missing_parents_and_cycles_all_at_once(project: Project) -> None:
    project.revision("r1")
    twin = project.revision("twin")
    twin.write_text(twin.read_text().replace("revision = 'twin'", "revision = 'r1'"))
    project.revision("orphan", down="gone", header="depends_on = ('lost', 'r1')")
    project.revision("one", down="two")
    project.revision("two", down="one")
    project.revision("self", down="self")
    project.revision("above", down="two")

    found = _check(project)

    line = _header(twin, "revision")
    assert [
        ("broken-history", "r1", "twin.py", line),
        ("broken-history", "orphan", "orphan.py", line + 1),
        ("broken-history", "orphan", "orphan.py", line + 2),
        ("broken-history", "one", "one.py", line + 1),
        ("broken-history", "self", "self.py", line + 1),
    ] == _places(found)
    assert [
        "The id r1 is also that of r1.py.",
        "down_revision has gone, and no file has that id.",
        "depends_on has lost, and no file has that id or label.",
        "Each of these is on top of the next one, in a circle: one -> two -> one.",
        "Each of these is on top of the next one, in a circle: self -> self.",
    ] == [each.message for each in found]


def test_a_parent_that_is_not_written_as_a_whole_id(project: Project) -> None:
    project.revision("abcdef", header="branch_labels = 'side'")
    project.revision("by_label", down="side")
    project.revision("by_beginning", down="abc", header="depends_on = 'abcd'")

    found = _check(project)

    assert [
        "The beginning of an id will not do: write abcdef.",
        "The beginning of an id will not do: write abcdef.",
        "A branch label will not do: write a revision's id.",
    ] == [each.advice for each in found]


def test_a_cycle_through_depends_on(project: Project) -> None:
    project.revision("r1", down=None, header="depends_on = 'r3'")
    project.revision("r2", down="r1")
    project.revision("r3", down="r2")

    (found,) = _check(project)

    assert found.message.endswith("in a circle: r1 -> r3 -> r2 -> r1.")


def test_a_label_of_two_branches(project: Project) -> None:
    project.revision("r1", header="branch_labels = 'side'")
    file = project.revision("r2", header="branch_labels = ('other', 'side')")

    (found,) = _check(project)

    assert "The branch label side is also that of r1.py." == found.message
    assert (file, _header(file, "branch_labels")) == (found.file, found.line)


def test_what_only_alembic_or_a_run_refuses(project: Project) -> None:
    project.revision("r1", header="breaks_before = 'r3'")
    project.revision("r2", header="breaks_before = 'r1'")
    project.revision("r3", header="breaks_before = 'r'")

    found = _check(project)

    assert [("r1", "r1.py"), ("r3", "r3.py")] == [each[1:3] for each in _places(found)]
    assert "breaks_before = 'r3' is not an ancestor of r1." == found[0].message


def test_ids_that_the_version_table_cannot_hold(project: Project) -> None:
    project.revision("r1")
    project.revision(LONG)
    project.revision(f"{LONG}2")

    found = _check(project)

    assert [("long-id", LONG), ("long-id", f"{LONG}2")] == [(e.check, e.revision) for e in found]
    assert "has 36 characters, and the version table holds 32" in found[0].message
    assert [] == _check(project, longest_id=37)
    assert [f"{LONG}2"] == [each.revision for each in _check(project, longest_id=36)]


def test_a_project_that_widens_the_column_is_let_be(project: Project) -> None:
    project.revision("r1", "op.alter_column('alembic_version', 'version_num')")
    project.revision(LONG)

    assert [] == _check(project)
    assert [LONG] == [each.revision for each in _check(project, longest_id=32)]


def test_the_head_file_is_compared(project: Project) -> None:
    project.revision("r1")
    head_file = project.folder / "migrations" / "head.txt"
    head_file.write_text("r1\n")
    assert [] == _check(project)

    project.revision("r2")

    (found,) = _check(project)
    assert ("head-file", head_file) == (found.check, found.file)


def test_nothing_of_alembics_stays_changed(project: Project) -> None:
    """Also if a file ends the process, and if a folder is there twice."""
    before = dict(vars(Script)), list(warnings.filters)
    ini = project.folder / "alembic.ini"
    ini.write_text(
        f"{ini.read_text()}version_locations = {':'.join([str(project.versions)] * 2)}\n"
    )
    project.revision("r1", header="raise SystemExit")

    found = _check(project)

    assert ["broken-file"] == [each.check for each in found]
    assert before == (dict(vars(Script)), list(warnings.filters))


def test_a_long_history_takes_no_time(project: Project) -> None:
    """Nothing is quadratic: a thousand revisions, of which the last is in a circle."""
    for number in range(1000):
        project.revision(f"r{number}")
    project.revision("last", down="last")

    assert ["broken-history"] == [each.check for each in _check(project)]


def test_all_revision_files(project: Project) -> None:
    files = [project.revision("r1"), project.revision("r2", header="import nobodys")]
    shutil.copy(files[0], project.versions / "readme.txt")

    assert sorted(files) == sorted(revision_files(_settings(project)))
