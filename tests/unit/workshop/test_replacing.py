"""Files are replaced all together, or not at all."""

from __future__ import annotations

import py_compile
from pathlib import Path

import pytest

from migration_runner.workshop.replacing import replace_files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return two files."""
    for name in "ab":
        (tmp_path / name).write_text("old")
    return [tmp_path / "a", tmp_path / "b"]


def test_each_gets_its_content_and_keeps_its_mode(files: list[Path]) -> None:
    files[0].chmod(0o755)

    replace_files({files[0]: b"new", files[1]: b"newer"})

    assert ["new", "newer"] == [file.read_text() for file in files]
    assert 0o755 == files[0].stat().st_mode & 0o777
    assert files == sorted(files[0].parent.iterdir())


def test_python_does_not_take_it_for_the_old_one(tmp_path: Path) -> None:
    """Which has the same size, and was compiled in the same second."""
    file = tmp_path / "r1.py"
    file.write_text("down = 'r1'")
    compiled = Path(py_compile.compile(str(file)) or "")

    replace_files({file: b"down = 't1'"})

    assert not compiled.exists()


@pytest.mark.parametrize("step", ["write", "replace"])
def test_if_one_fails_none_is_changed(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    replace = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target == files[1]:
            raise OSError(28, "No space left on device")
        return replace(path, target)

    if step == "replace":
        monkeypatch.setattr(Path, "replace", fail)
        contents = dict.fromkeys(files, b"new")
    else:
        contents = {files[0]: b"new", files[1].parent / "missing": b"new"}

    with pytest.raises(OSError, match="No s"):
        replace_files(contents)

    assert ["old", "old"] == [file.read_text() for file in files]
    assert files == sorted(files[0].parent.iterdir())
