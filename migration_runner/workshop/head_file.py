"""`head.txt` beside env.py: the head, or the heads, one a line.

Two branches that each add a revision both change it, and conflict when git merges them; their
revision files alone would not. It is kept where it exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from migration_runner.project.script_folders import HEAD_FILE
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.replacing import replace_files

_CONFLICT: Final = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


def write_head_file(folder: Path, heads: Iterable[str]) -> bool:
    """Write the heads into the `folder`'s head.txt, if it has one; whether that changed it.

    `folder` is the one of env.py. Raises `OSError`.
    """
    content = head_file_content(folder, heads)
    replace_files(content)
    return bool(content)


def head_file_content(folder: Path, heads: Iterable[str]) -> dict[Path, bytes]:
    """Return what is to be written into the `folder`'s head.txt; nothing if it says that."""
    file = folder / HEAD_FILE
    heads = sorted(heads)
    if not file.is_file() or _named(file.read_text(errors="replace")) == heads:
        return {}
    return {file: "".join(f"{head}\n" for head in heads).encode()}


def check_head_file(folder: Path, heads: Iterable[str]) -> list[Finding]:
    """Return a finding if the `folder` has a head.txt that does not name the heads."""
    file = folder / HEAD_FILE
    if not file.is_file():
        return []
    text = file.read_text(errors="replace")
    expected = sorted(heads)
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_CONFLICT):
            message = (
                f"{HEAD_FILE} has an unresolved conflict: two branches have each added a revision."
            )
            advice = "Run `migrate rebase`: it puts yours on top of the other, and writes the file."
            return [Finding("head-file", message, advice, file=file, line=number)]
    named = _named(text)
    if named == expected:
        return []
    named_by_history = f"{_word(expected)} {_list(expected)}"
    message = f"{HEAD_FILE} names {_list(named)}, and the history's {named_by_history}."
    advice = f"If the history is right, write {_list(expected)} into it, one a line."
    return [Finding("head-file", message, advice, file=file, line=1)]


def _named(text: str) -> list[str]:
    """Return the first word of each line: `migrate heads` prints more behind it."""
    return sorted(line.split()[0] for line in text.splitlines() if line.strip())


def _word(heads: list[str]) -> str:
    return "head is" if len(heads) < 2 else "heads are"  # noqa: PLR2004 - one or several


def _list(heads: list[str]) -> str:
    return ", ".join(heads) or "nothing"
