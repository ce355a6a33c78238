"""Which findings a revision's file waives, and which waivers are findings themselves."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from migration_runner.documentation import docs_page
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.waivers import apply_waivers


def _file(folder: Path, text: str, name: str = "r1.py") -> Path:
    file = folder / name
    file.write_text(f'revision = "{file.stem}"\n' + textwrap.dedent(text))
    return file


def _found(check: str = "asymmetric", **facts: object) -> Finding:
    return Finding(check, "The table stays.", **{"revision": "r1", **facts})  # type: ignore[arg-type]  # any fields


WRITTEN = [
    'waives = {"asymmetric": "Data stays."}',
    "waives: dict[str, str] = {'asymmetric': 'Data' \" stays.\"}",
    'waives = {\n    "asymmetric": """Data\n        stays.""",\n}',
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_revision_waives_a_finding_with_a_reason(tmp_path: Path, text: str) -> None:
    file = _file(tmp_path, text)

    (waived,) = apply_waivers([_found()], [file])

    assert _found(waived="Data stays.") == waived


def test_a_finding_is_the_revisions_by_id_or_by_file(tmp_path: Path) -> None:
    file = _file(tmp_path, WRITTEN[0])
    other = _file(tmp_path, "", "r2.py")
    in_helper = _found(file=tmp_path / "helper.py")
    without_id = _found(revision="", file=tmp_path / "." / "r1.py")
    of_another = _found(revision="r2", file=other)

    found = apply_waivers([in_helper, without_id, of_another], [file, other])

    assert ["Data stays.", "Data stays.", ""] == [each.waived for each in found]


def test_another_check_is_not_waived(tmp_path: Path) -> None:
    other = _found("downgrade-fails")

    found = apply_waivers([other, _found()], [_file(tmp_path, WRITTEN[0])])

    assert [other, _found(waived="Data stays.")] == found


WRONG = {
    'waives = {"asymetric": "x"}': ("There is no check 'asymetric'.", "Did you mean asymmetric?"),
    'waives = {"zzz": "x"}': ("There is no check 'zzz'.", f"See {docs_page('verify')}."),
    'waives = {"asymmetric": "  "}': ("asymmetric is waived without a reason.", "Say why"),
    'waives = {"asymmetric": None}': ("asymmetric is waived without a reason.", "Say why"),
    'waives = {"broken-history": "x"}': ("broken-history cannot be waived.", "Correct"),
    'waives = {"env": "x"}': ("env cannot be waived.", "Correct"),
    'waives = {"models-differ": "x"}': ("models-differ cannot be waived.", "Correct"),
    'waives = {"waiver": "x"}': ("waiver cannot be waived.", "Correct"),
    'waives = ["asymmetric"]': ("waives is not a literal dictionary.", "Write waives = {"),
    'waives = dict(asymmetric="x")': ("waives is not a literal dictionary.", "Write waives = {"),
    "waives = {**COMMON}": ("waives has a key that is not a literal string.", "Write waives = {"),
    'waives = {NAME: "x"}': ("waives has a key that is not a literal string.", "Write waives = {"),
    'if True:\n    waives = {"asymmetric": "x"}': ("waives is changed here: this", "Write"),
    'waives, x = {"asymmetric": "x"}, 1': ("waives is changed here: this is", "Write waives = {"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_waiver_that_cannot_be_taken_waives_nothing_and_is_a_finding(
    tmp_path: Path, text: str
) -> None:
    file = _file(tmp_path, text)

    found, wrong = apply_waivers([_found()], [file])

    message, advice = WRONG[text]
    assert _found() == found
    assert ("waiver", "r1", file) == (wrong.check, wrong.revision, wrong.file)
    assert wrong.message.startswith(message)
    assert wrong.advice.startswith(advice)
    assert text[: text.index("waives")].count("\n") + 2 == wrong.line


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('waives = {"asymmetric": "x"}', "waives is assigned twice."),
        ('waives["downgrade-fails"] = "x"', "waives is changed here: this is not read."),
        ("waives.update(COMMON)", "waives is changed here: this is not read."),
        ('waives |= {"downgrade-fails": "x"}', "waives is changed here: this is not read."),
    ],
)
def test_what_changes_it_later_is_not_read(tmp_path: Path, more: str, message: str) -> None:
    file = _file(tmp_path, f"{WRITTEN[0]}\n{more}\n")

    waived, wrong = apply_waivers([_found()], [file])

    assert ("Data stays.", message, 3) == (waived.waived, wrong.message, wrong.line)


def test_a_check_that_is_waived_twice(tmp_path: Path) -> None:
    text = 'waives = {\n    "asymmetric": "Data stays.",\n    "asymmetric": "other",\n}'

    waived, wrong = apply_waivers([_found()], [_file(tmp_path, text)])

    assert ("Data stays.", "asymmetric is waived twice.", 4) == (
        waived.waived,
        wrong.message,
        wrong.line,
    )


def test_what_cannot_be_waived_is_not(tmp_path: Path) -> None:
    broken = _found("broken-history")

    found = apply_waivers([broken], [_file(tmp_path, 'waives = {"broken-history": "x"}')])

    assert broken == found[0]


def test_a_name_in_a_function_is_no_waiver(tmp_path: Path) -> None:
    text = "def upgrade():\n    waives = 1\n"

    assert [] == apply_waivers([], [_file(tmp_path, text)])


def test_nothing_is_executed_and_what_is_no_python_is_left_to_others(tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    file = _file(tmp_path, f'open({str(executed)!r}, "w")\n{WRITTEN[0]}')
    broken = _file(tmp_path, 'waives = {"asymmetric": "x"', "r2.py")

    (waived,) = apply_waivers([_found()], [file, broken, tmp_path / "missing.py"])

    assert "Data stays." == waived.waived
    assert not executed.exists()


def test_a_waiver_that_waives_nothing_is_a_note(tmp_path: Path) -> None:
    file = _file(tmp_path, f"\n{WRITTEN[0]}")

    (unused,) = apply_waivers([], [file])

    assert Finding(
        "unused-waiver", "asymmetric is waived, but was not found.", "Remove it.", "r1", file, 3
    ) == (unused)


def test_it_is_not_called_unused_where_nothing_was_checked(tmp_path: Path) -> None:
    file = _file(tmp_path, WRITTEN[0])

    assert [] == apply_waivers([], [file], checked=[tmp_path / "r2.py"])
    assert [] == apply_waivers([], [file], checks=["downgrade-fails"])
    assert 1 == len(apply_waivers([], [file], checked=[file], checks=["asymmetric"]))
