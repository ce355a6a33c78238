"""Another parent is written into a revision file, and nothing else changes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.errors import HistoryError
from migration_runner.workshop.revision_edit import with_parent

FILE = '''\
"""Orders get a country.

Revision ID: r2
Revises: r1
Create Date: 2026-11-26

Revises: nothing else
"""
from alembic import op

revision = 'r2'
down_revision = 'r1'  # not "r1"
depends_on = 'r1'


def upgrade():
    down_revision = 'r1'
'''


def _edited(folder: Path, content: str | bytes, parent: str = "new") -> bytes:
    file = folder / "r2.py"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return with_parent(file, parent)


def test_the_declaration_and_the_docstring(tmp_path: Path) -> None:
    expected = FILE.replace("Revises: r1", "Revises: new").replace("'r1'  # not", "'new'  # not")

    assert expected == _edited(tmp_path, FILE).decode()


DECLARATIONS = {
    "down_revision = 'r1'": "down_revision = 'new'",
    'down_revision = "r1"': 'down_revision = "new"',
    'down_revision: str | None="r1";x = 1': 'down_revision: str | None="new";x = 1',
    "down_revision = ('r1',)": "down_revision = ('new',)",
    "down_revision = ['r1']": "down_revision = ['new']",
    "down_revision = (\n    # why\n    'r1',  # r1\n)": (
        "down_revision = (\n    # why\n    'new',  # r1\n)"
    ),
    "down_revision = u'''r1'''": "down_revision = u'''new'''",
    "down_revision = None": "down_revision = 'new'",
    "down_revision = (None)  # None": "down_revision = ('new')  # None",
    "down_revision = \\\n    'r1'": "down_revision = \\\n    'new'",
}


@pytest.mark.parametrize("written", DECLARATIONS)
def test_however_it_is_written(tmp_path: Path, written: str) -> None:
    before = FILE.replace("down_revision = 'r1'  # not \"r1\"", written)

    edited = _edited(tmp_path, before).decode()

    expected = before.replace(written, DECLARATIONS[written], 1)
    revises = "Revises: r1" if "None" in written.partition("=")[2] else "Revises: new"
    assert expected.replace("Revises: r1", revises) == edited


def test_the_first_revision_gets_the_files_own_quotes(tmp_path: Path) -> None:
    before = '"""x\n\nRevises:\n"""\nrevision = "r2"\ndown_revision = None\n'

    assert before.replace("Revises:", "Revises: new").replace("None", '"new"') == (
        _edited(tmp_path, before).decode()
    )
    spaced = before.replace("Revises:", "Revises: ")
    assert "Revises: new\n" in _edited(tmp_path, spaced).decode()


@pytest.mark.parametrize("docstring", ["", '"""Nothing."""\n', '"""x\n\nRevises: other\n"""\n'])
def test_a_docstring_that_says_something_else_stays(tmp_path: Path, docstring: str) -> None:
    rest = "revision = 'r2'\ndown_revision = 'r1'\n"

    assert docstring + rest.replace("r1", "new") == _edited(tmp_path, docstring + rest).decode()


@pytest.mark.parametrize(
    "written",
    [
        "down_revision = PARENT",
        "down_revision = 'r' + '1'",
        "down_revision = 'r' '1'",
        "down_revision = 'r\\x31'",
        "down_revision = ('r1', 'r0')",
        "down_revision = 'r1'\ndown_revision = 'r0'",
        "down_revision = 1",
        "if True:\n    down_revision = 'r1'",
        "",
        "down_revision = (",
    ],
)
def test_what_is_not_one_plain_string_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(HistoryError):
        _edited(tmp_path, f"revision = 'r2'\n{written}\n")


@pytest.mark.parametrize(
    ("prefix", "encoding"),
    [("", "utf-8"), ("# coding: latin-1\n", "latin-1"), ("\ufeff", "utf-8"), ("\n\f\n", "utf-8")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_and_line_ends_stay(tmp_path: Path, prefix: str, encoding: str, end: str) -> None:
    text = f"{prefix}{FILE}x = 'é'; y = 1\n".replace(
        "down_revision = 'r1'", "z = 'é'; down_revision = 'r1'", 1
    )
    text = text.replace("\n", end)

    edited = _edited(tmp_path, text.encode(encoding))

    expected = text.replace("Revises: r1", "Revises: new").replace("'r1'  #", "'new'  #")
    assert expected.encode(encoding) == edited


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0\r\f\v\x1c\x1d\x1e\x85\u2028\u2029")
    ),
    st.text("abcdef0123456789", min_size=1),
)
def test_whatever_stands_around_it(
    tmp_path_factory: pytest.TempPathFactory, text: str, parent: str
) -> None:
    before = f"a = {text!r}; revision = 'r2'; b = {text!a}; down_revision = 'r1'; c = {text!r}\n"

    edited = _edited(tmp_path_factory.mktemp("any"), before, parent).decode()

    assert before.replace("down_revision = 'r1'", f"down_revision = '{parent}'") == edited or (
        "down_revision = 'r1'" in text
    )
    assert ast.parse(edited)
