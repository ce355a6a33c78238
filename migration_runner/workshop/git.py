"""What git knows of the revision files: which are in another branch."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from migration_runner.errors import UsageError
from migration_runner.workshop.revision_source import id_of

# The main branch, as the remote has it first.
MAIN_BRANCHES: Final = ("origin/main", "main", "origin/master", "master")
# What is being merged into the checked out files: by a merge, by a rebase.
_INCOMING: Final = "MERGE_HEAD"
_ONTO: Final = ("rebase-merge/onto", "rebase-apply/onto")


class NoGit(Exception):
    """There is no git, or no repository: the reason."""


class Git:
    """The repository that a folder is in."""

    def __init__(self, folder: Path) -> None:
        """Raise `NoGit` if the folder is in none."""
        self._folder = folder
        self.root = Path(self._ask("rev-parse", "--show-toplevel")).resolve()

    def base(self, wanted: str) -> str:
        """Return the branch that is not one's own. Raises `UsageError` if there is none."""
        names = [wanted] if wanted else MAIN_BRANCHES
        for name in names:
            if self._commit(name):
                return name
        message = (
            f"git knows no branch or commit {wanted!r}."
            if wanted
            else f"git knows none of {', '.join(names)}: name the branch to follow with --base."
        )
        raise UsageError(message, reason="no_base")

    def incoming(self) -> str:
        """Return the commit that is being merged, or on which one is rebased; empty for none."""
        if commit := self._commit(_INCOMING):
            return commit
        for name in _ONTO:
            file = self._folder / self._ask("rev-parse", "--git-path", name)
            if file.is_file():
                return file.read_text().strip()
        return ""

    def revisions(self, commit: str, folders: Iterable[Path]) -> set[str]:
        """Return the ids of the revision files that a commit has in these folders."""
        paths = [folder.resolve().relative_to(self.root).as_posix() for folder in folders]
        listed = self._run("ls-tree", "--full-tree", "-r", "-z", commit, "--", *paths)
        objects = [
            found[1] for found in re.finditer(rb"[0-7]+ blob ([0-9a-f]+)\t[^\0]*\.py\0", listed)
        ]
        content = self._run("cat-file", "--batch", stdin=b"\n".join([*objects, b""]))
        return {name for text in _contents(content) if (name := id_of(text))}

    def is_conflicted(self, file: Path) -> bool:
        """Whether git waits for a file's conflict to be resolved."""
        return bool(self._run("ls-files", "--unmerged", "-z", "--", str(file.resolve())))

    def _commit(self, name: str) -> str:
        wanted = ("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        try:
            return self._ask("rev-parse", *wanted)
        except NoGit:
            return ""

    def _ask(self, *words: str) -> str:
        return self._run(*words).decode(errors="surrogateescape").strip()

    def _run(self, *words: str, stdin: bytes = b"") -> bytes:
        command: Sequence[str] = ["git", "-C", str(self._folder), *words]
        try:
            found = subprocess.run(command, input=stdin, capture_output=True, check=False)  # noqa: S603 - our own words
        except OSError as error:
            reason = f"git cannot be started: {error.strerror}"
            raise NoGit(reason) from None
        if found.returncode:
            said = found.stderr.decode(errors="replace").strip().splitlines()
            raise NoGit(said[0].removeprefix("fatal: ") if said else f"git {words[0]} failed")
        return found.stdout


def _contents(batch: bytes) -> Iterable[str]:
    """Yield the texts of what `git cat-file --batch` prints: `id kind size`, and the content."""
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        size = int(batch[at:end].split()[-1])
        yield batch[end + 1 : end + 1 + size].decode(errors="replace")
        at = end + 1 + size + 1
