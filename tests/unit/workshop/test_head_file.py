"""head.txt names the heads, where it exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.workshop.head_file import check_head_file, write_head_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return an empty head.txt."""
    file = tmp_path / "head.txt"
    file.touch(mode=0o640)
    return file


def test_it_is_written_where_it_exists(file: Path) -> None:
    assert write_head_file(file.parent, ["b", "a"])

    assert "a\nb\n" == file.read_text()
    assert 0o640 == file.stat().st_mode & 0o777
    assert not write_head_file(file.parent, ["a", "b"])
    assert [file] == list(file.parent.iterdir())


def test_nowhere_else(tmp_path: Path) -> None:
    assert not write_head_file(tmp_path, ["a"])
    assert [] == check_head_file(tmp_path, ["a"])
    assert [] == list(tmp_path.iterdir())


def test_a_link_stays_one(file: Path) -> None:
    real = file.rename(file.parent / "real")
    file.symlink_to(real)

    write_head_file(file.parent, ["a"])

    assert ("a\n", True) == (real.read_text(), file.is_symlink())


@pytest.mark.parametrize("text", ["a\nb\n", "b\r\na", "b (head)\na (side) (head)\n\n"])
def test_what_names_the_heads(file: Path, text: str) -> None:
    """Also what `migrate heads` prints."""
    file.write_text(text)

    assert [] == check_head_file(file.parent, ["a", "b"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n", "head.txt names a, and the history's heads are a, b."),
        ("", "head.txt names nothing, and the history's heads are a, b."),
        ("a\nb\nc\n", "head.txt names a, b, c, and the history's heads are a, b."),
    ],
)
def test_what_does_not(file: Path, text: str, said: str) -> None:
    file.write_text(text)

    (found,) = check_head_file(file.parent, ["a", "b"])

    assert ("head-file", said, file, 1) == (found.check, found.message, found.file, found.line)
    assert "If the history is right, write a, b into it, one a line." == found.advice


def test_gits_conflict(file: Path) -> None:
    file.write_text("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n")

    (found,) = check_head_file(file.parent, ["a", "b"])

    assert "migrate rebase" in found.advice
