"""Files that are unchanged, and mounts as the kernel names them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration_runner.fast_path import files
from migration_runner.fast_path.files import is_plain, mount_at, real_path, stamp

# As in /proc/self/mountinfo; the paths have a blank, a tab, a line's end, a backslash, a separator.
LINE = r"28 27 0:25 /root {} ro,nosuid shared:1 - tmpfs a\040name ro,size=4k"
ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"


def _mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *places: bytes) -> None:
    file = tmp_path / "mountinfo"
    before, after = LINE.encode().split(b"{}")
    file.write_bytes(
        b"".join(line + b"\n" for line in [ROOT.encode(), *(before + p + after for p in places)])
    )
    monkeypatch.setattr(files, "_MOUNTS", str(file))


@pytest.mark.parametrize(
    ("mount", "place"),
    [
        (b"/app", b"/app/migrations"),
        (b"/app/migrations", b"/app/migrations"),
        (b"/app/migrations/versions/r1.py", b"/app/migrations/versions"),
        (rb"/my\040app\011\012\134", b"/my app\t\n\\/migrations"),
        ("/föß\u2028".encode(), "/föß\u2028/migrations".encode()),
        (b"/\xff", b"/\xff/migrations"),
    ],
)
def test_a_mount(
    mount: bytes, place: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mounted(tmp_path, monkeypatch, b"/proc", mount)

    assert mount_at({"x": place}) is not None


@pytest.mark.parametrize("mount", [b"/", b"/ap", b"/app2", b"/app/models", b"/dev/termination-log"])
def test_a_mount_elsewhere(mount: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _mounted(tmp_path, monkeypatch, mount)

    assert None is mount_at({"x": b"/app/migrations"})


def test_a_path_without_its_links(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "file").touch()

    assert real_path(str(tmp_path / "link" / "file")) == os.fsencode((folder / "file").resolve())
    with pytest.raises(OSError, match="No such file"):
        real_path(str(folder / "other"))


def test_only_a_file_with_one_name_is_plain(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    assert is_plain(str(file))
    link.symlink_to(file)
    assert not is_plain(str(link))
    link.unlink()
    link.hardlink_to(file)
    assert not is_plain(str(file))
    assert not is_plain(str(tmp_path))


def test_a_stamp_without_a_seal_sees_what_times_hide(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    os.utime(file, (1, 1))
    before = {sealed: stamp(str(file), sealed=sealed) for sealed in (False, True)}

    file.write_text("two")
    os.utime(file, (1, 1))

    assert before[True] == stamp(str(file), sealed=True)
    assert before[False] != stamp(str(file), sealed=False)


def test_a_stamp_with_a_seal_survives_a_copy(tmp_path: Path) -> None:
    """As a layer of an image that is unpacked: whole seconds, and folders of another size."""
    file, copy = tmp_path / "file", tmp_path / "copy"
    for each in (file, copy):
        each.write_text("one")
    os.utime(file, ns=(1, 1_900_000_000))
    os.utime(copy, ns=(1, 1_000_000_000))

    assert stamp(str(file), sealed=True) == stamp(str(copy), sealed=True)
    assert stamp(str(file), sealed=False) != stamp(str(copy), sealed=False)
    assert None is stamp(str(tmp_path / "none"), sealed=True)


def test_a_folder_has_no_size_with_a_seal(tmp_path: Path) -> None:
    found = stamp(str(tmp_path), sealed=True)

    assert found is not None
    assert 0 == found[1]
