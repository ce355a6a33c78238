"""A file that cannot be read is known, too."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from migration_runner.project.errors import locate
from migration_runner.project.unloadable import note_unloadable_files, unloadable_file


@pytest.mark.parametrize("name", ["missing.py", "folder.py"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.py").mkdir()
    file = str(tmp_path / name)
    note_unloadable_files()
    note_unloadable_files()

    with pytest.raises(OSError, match=name) as caught:
        SourceFileLoader("shop", file).get_code("shop")

    assert file == unloadable_file(caught.value)
    assert (file, None) == locate(caught.value)


def test_an_error_of_the_code_is_another(tmp_path: Path) -> None:
    assert unloadable_file(ValueError(tmp_path)) is None
