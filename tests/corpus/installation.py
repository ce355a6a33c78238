"""A project and the runner in one virtual environment, as a user of both has them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.fixtures.runner import ROOT

_LOCKS: Final = Path(__file__).parent / "locks"
_ENVIRONMENTS: Final = ROOT / ".corpus"
# The locks are for this version.
_PYTHON: Final = "3.11"
_SOURCES: Final = ("LICENSE", "README.md", "migration_runner", "pyproject.toml")


class Installation:
    """One virtual environment, in `.corpus/`; it is made anew when what belongs into it changes."""

    def __init__(self, name: str) -> None:
        self._home = _ENVIRONMENTS / name
        self._lock = _LOCKS / f"{name}.txt"

    def program(self, name: str) -> Path:
        """Return one of its commands."""
        return self._home / "bin" / name

    @property
    def packages(self) -> Path:
        """Return where the packages are."""
        return self._home / "lib" / f"python{_PYTHON}" / "site-packages"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other test sessions from it meanwhile: each installs the runner as it is then."""
        _ENVIRONMENTS.mkdir(exist_ok=True)
        with self._home.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def make(self, wheel: Path) -> None:
        """Install the project, what else the runner needs, and the runner."""
        requirements = _merge(self._lock.read_text(), (ROOT / "requirements.txt").read_text())
        digest = hashlib.sha256(requirements.encode()).hexdigest()
        stamp = self._home / ".installed"
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(self._home, ignore_errors=True)
            _uv("venv", "--python", _PYTHON, str(self._home))
            (self._home / "requirements.txt").write_text(requirements)
            self._install("--require-hashes", "-r", str(self._home / "requirements.txt"))
            stamp.write_text(digest)
        self._install("--reinstall", str(wheel))
        _uv("pip", "check", "--python", str(self.program("python")))

    def _install(self, *what: str) -> None:
        _uv("pip", "install", "--no-deps", "--python", str(self.program("python")), *what)


def build_wheel(folder: Path) -> Path:
    """Build the runner from a copy of its sources, in which building leaves its traces."""
    copy = folder / "sources"
    copy.mkdir()
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    _uv(
        "build", "--wheel", "--no-build-isolation", "--python", sys.executable,
        "--out-dir", str(folder), str(copy),
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def _merge(theirs: str, ours: str) -> str:
    """Return their requirements, and those of ours that they do not have: theirs stay as they are.

    A requirement is a line, and its hashes are indented below it.
    """
    merged = _by_name(ours) | _by_name(theirs)
    return "".join(merged[name] for name in sorted(merged))


def _by_name(lock: str) -> dict[str, str]:
    blocks = re.findall(r"(?m)^[^\s#].*\n(?:[ \t]+.*\n)*", lock)
    return {block.partition("==")[0]: block for block in blocks}


def _uv(*arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "uv", *arguments],
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, f"uv {arguments}: {done.stdout}{done.stderr}"
