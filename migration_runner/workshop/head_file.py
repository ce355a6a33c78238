"""`head.txt` beside env.py: the head, or the heads, one a line.

Two branches that each add a revision both change it, and conflict when git merges them; their
revision files alone would not. It is kept where it exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from migration_runner.workshop.finding import Finding
from migration_runner.workshop.replacing import replace_files

NAME: Final = "head.txt"
_CONFLICT: Final = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


def write_head_file(folder: Path, heads: Iterable[str]) -> bool:
    """Write the heads into the `folder`'s head.txt, if it has one; whether that changed it.

    `folder` is the one of env.py. Raises `OSError`.
    """
    file = folder / NAME
    if not file.is_file():
        return False
    text = "".join(f"{head}\n" for head in sorted(heads)).encode()
    if file.read_bytes() == text:
        return False
    replace_files({file: text})
    return True


def check_head_file(folder: Path, heads: Iterable[str]) -> list[Finding]:
    """Return a finding if the `folder` has a head.txt that does not name the heads."""
    file = folder / NAME
    if not file.is_file():
        return []
    lines = file.read_text(errors="replace").splitlines()
    expected = sorted(heads)
    for number, line in enumerate(lines, 1):
        if line.startswith(_CONFLICT):
            message = f"{NAME} has a conflict of git's: two branches have each added a revision."
            advice = "Run `migrate rebase`, which puts yours behind the other and writes the file."
            return [Finding("head-file", message, advice, file=file, line=number)]
    # `migrate heads` prints more behind the id.
    named = [line.split()[0] for line in lines if line.strip()]
    if sorted(named) == expected:
        return []
    message = f"{NAME} names {_list(named)}, and the history's {_word(expected)} {_list(expected)}."
    advice = f"If the history is right, write {_list(expected)} into it, one a line."
    return [Finding("head-file", message, advice, file=file, line=1)]


def _word(heads: list[str]) -> str:
    return "head is" if len(heads) < 2 else "heads are"  # noqa: PLR2004 - one or several


def _list(heads: list[str]) -> str:
    return ", ".join(heads) or "nothing"
