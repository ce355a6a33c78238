"""Reading env.py's imports where a file cannot be read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from migration_runner.build.env_imports import BrokenImport, Imports, read_imports


def test_a_module_that_this_user_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, module = tmp_path / "env.py", tmp_path / "tables_of_ours.py"
    env.write_text("import tables_of_ours\n")
    module.write_text("")
    readable = Path.read_bytes

    def read(path: Path) -> bytes:
        if path == module:
            raise PermissionError(13, "Permission denied", str(path))
        return readable(path)

    monkeypatch.setattr(Path, "read_bytes", read)

    with pytest.raises(BrokenImport) as caught:
        read_imports(env, [tmp_path], [str(tmp_path)])

    assert ("Permission denied", module) == (caught.value.detail, caught.value.file)
    assert isinstance(caught.value.__cause__, PermissionError)


def test_a_module_in_an_archive_is_not_read(tmp_path: Path) -> None:
    env, archive = tmp_path / "env.py", tmp_path / "lib.zip"
    env.write_text("from tables_of_ours import users\n")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("tables_of_ours/__init__.py", "from . import users")
        file.writestr("tables_of_ours/users.py", "import nobodys")

    assert Imports([env], []) == read_imports(env, [tmp_path], [str(archive)])
