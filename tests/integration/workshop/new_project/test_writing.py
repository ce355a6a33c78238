"""All of a project, or none of it: what is there, what cannot be written, what is interrupted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migration_runner.errors import UsageError
from migration_runner.workshop.new_project import writing
from tests.fixtures.runner import ROOT, Migrate, Result

_FILES = {"a.txt": "a", "one/two/b.txt": "b", "one/c.txt": "c"}


@pytest.fixture
def here(tmp_path: Path, migrate: Migrate) -> Path:
    """Return an empty folder; `migrate` runs in it."""
    migrate.folder = tmp_path / "here"
    migrate.folder.mkdir()
    return migrate.folder


def _entries(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def _refused(result: Result, said: str) -> None:
    assert 64 == result.exit_code, result.stdout + result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "" == result.stdout


def test_a_folder_that_is_not_empty(here: Path, migrate: Migrate) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "notes").write_text("mine")

    _refused(migrate.run("init", "shop"), "shop is not empty: it has notes.")
    _refused(migrate.run("init", "shop"), "`migrate init --into shop`")
    _refused(migrate.run("init"), "`migrate init --into .`")

    assert ["shop", "shop/notes"] == _entries(here)


def test_this_folder_with_a_version_control_and_an_environment(
    here: Path, migrate: Migrate
) -> None:
    (here / ".git").mkdir()
    (here / ".venv").mkdir()

    result = migrate.run("init")

    assert 0 == result.exit_code, result.stderr
    assert result.stdout.startswith("Wrote 20 files to this folder\n")
    assert "  cd " not in result.stdout
    assert (here / "alembic.ini").exists()


def test_a_hidden_file_of_the_same_name(here: Path, migrate: Migrate) -> None:
    (here / ".gitignore").write_text("mine\n")

    _refused(migrate.run("init"), "This folder is not empty: it has .gitignore.")

    assert [".gitignore"] == _entries(here)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "The folder's name is empty."),
        ("a\nb", "characters that cannot be printed: 'a\\\\nb'."),
        ("50%", "no configuration in a folder with a % in its path: 50%."),
        ("x" * 300, "File name too long"),
        ("file", "file is a file, not a folder."),
        ("file/below", "Not a directory"),
        ("dangling", "Not a directory"),
        ("/proc/shop", "The project could not be written to /proc/shop: "),
    ],
)
def test_a_bad_name(here: Path, migrate: Migrate, name: str, said: str) -> None:
    (here / "file").write_text("mine")
    (here / "dangling").symlink_to("nowhere")

    _refused(migrate.run("init", name), said)

    assert ["dangling", "file"] == _entries(here)


def test_several_folders_that_are_not_there(here: Path, migrate: Migrate) -> None:
    result = migrate.run("init", "one/two/three")

    assert 0 == result.exit_code, result.stderr
    assert (here / "one" / "two" / "three" / "alembic.ini").exists()
    assert ["one"] == [path.name for path in here.iterdir()]


@pytest.mark.parametrize("name", ["My Shop", "Ünïcode", "--", "123", "true", "UPPER_case.v2"])
def test_an_odd_name(here: Path, migrate: Migrate, name: str) -> None:
    migrate.run("init", f"./{name}")
    migrate.folder = here / name

    assert "0001 (head)" in migrate.run("heads").stdout


def test_it_is_written_for_others_as_the_umask_says(here: Path) -> None:
    command = "umask 027 && exec " + f"{sys.executable} -m migration_runner init shop"
    subprocess.run(  # noqa: S602 - our own words
        command,
        shell=True,
        cwd=here,
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )

    assert 0o750 == (here / "shop").stat().st_mode & 0o777
    assert 0o640 == (here / "shop" / "alembic.ini").stat().st_mode & 0o777


@pytest.fixture
def no_space(tmp_path: Path) -> Iterator[Path]:
    """Return a folder of a file system that is full after a few files."""
    folder = tmp_path / "full"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root mounts")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603 - our own words
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 - as above


@pytest.mark.parametrize("words", [("shop",), ("--into", "."), ()], ids=" ".join)
def test_a_full_disk_leaves_nothing(
    no_space: Path, migrate: Migrate, words: tuple[str, ...]
) -> None:
    migrate.folder = no_space

    _refused(migrate.run("init", *words), "No space left on device. Nothing was written.")

    assert [] == _entries(no_space)


def test_what_may_not_be_written(here: Path, migrate: Migrate) -> None:
    (here / "deploy").write_text("a file where a folder has to be")

    _refused(migrate.run("init", "--into", "."), "File exists. Nothing was written.")

    assert ["deploy"] == _entries(here)


class _Interrupts(dict[str, str]):
    """Files at one of which Ctrl-C comes."""

    def __init__(self, after: int) -> None:
        super().__init__(_FILES)
        self._after = after

    def items(self) -> Iterator[tuple[str, str]]:  # type: ignore[override]  # all that is called
        for number, item in enumerate(super().items()):
            if number == self._after:
                os.kill(os.getpid(), signal.SIGINT)
            yield item
        if self._after == len(self):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Of a process that was started in the background, a shell lets Ctrl-C be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("after", range(4))
def test_ctrl_c_leaves_nothing(tmp_path: Path, after: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        writing.write_new(tmp_path / "new" / "project", _Interrupts(after))
    with pytest.raises(KeyboardInterrupt):
        writing.write_missing(tmp_path, _Interrupts(after))

    assert [] == _entries(tmp_path)


@pytest.mark.usefixtures("_interruptible")
def test_ctrl_c_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "a.txt").write_text("mine")

    with pytest.raises(KeyboardInterrupt):
        writing.write_missing(tmp_path, _Interrupts(3))

    assert ["a.txt", "one"] == _entries(tmp_path)
    assert "mine" == (tmp_path / "a.txt").read_text()


_INTERRUPTS = """\
import os, pathlib


def interrupted(original):
    def write(self, *arguments, **words):
        if self.suffix == ".mako":
            os.kill(os.getpid(), {number})
        return original(self, *arguments, **words)
    return write


pathlib.Path.write_text = interrupted(pathlib.Path.write_text)
pathlib.Path.open = interrupted(pathlib.Path.open)
"""


@pytest.mark.parametrize("words", [("shop",), ("--into", "."), ()], ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_process_leaves_nothing(
    here: Path, migrate: Migrate, tmp_path: Path, number: signal.Signals, words: tuple[str, ...]
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_INTERRUPTS.format(number=int(number)))
    path = f"{tmp_path / 'site'}:{ROOT}"
    command = [sys.executable, "-m", "migration_runner", "init", *words]

    result = migrate.start_command(command, PYTHONPATH=path).wait()

    assert 128 + number == result.exit_code, result.stdout + result.stderr
    assert [] == _entries(here)


def test_ctrl_c_while_a_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("mine")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writing.write_missing(tmp_path, _FILES)

    assert ["a.txt"] == _entries(tmp_path)


def test_another_process_that_comes_first(tmp_path: Path) -> None:
    """Its file is kept, and its folder of the new project's name."""

    class Late(dict[str, str]):
        def items(self) -> Iterator[tuple[str, str]]:  # type: ignore[override]  # as above
            yield from super().items()
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "theirs").write_text("theirs")

    with pytest.raises(UsageError, match=r"Directory not empty. Nothing was written"):
        writing.write_new(tmp_path / "new", Late(_FILES))

    assert ["new", "new/theirs"] == _entries(tmp_path)


def test_where_the_tools_were_left_out(here: Path, migrate: Migrate, tmp_path: Path) -> None:
    """As in the image."""
    package = tmp_path / "image" / "migration_runner"
    shutil.copytree(
        ROOT / "migration_runner", package, ignore=shutil.ignore_patterns("workshop", "__pycache__")
    )

    done = subprocess.run(
        [sys.executable, "-m", "migration_runner", "init", "shop"],
        cwd=here,
        env={**migrate.environment, "PYTHONPATH": str(package.parent)},
        check=False,
        capture_output=True,
        text=True,
    )

    _refused(
        Result(done.returncode, done.stdout, done.stderr), "is a developer's tool, and this image"
    )
    assert [] == _entries(here)
