"""The questions in a new revision's docstring, answered with what its trial has observed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from migration_runner.workshop.hazards.statement import MODES
from migration_runner.workshop.trial import Trial

# As in the template's script.py.mako, and in that of `migrate init`.
_LOCKS: Final = re.compile(r"^(Locks taken[^\n]*:)[ \t]*$", re.MULTILINE)
_LOSES: Final = re.compile(r"^(Downgrade loses:)[ \t]*$", re.MULTILINE)
_WIDTH: Final = 98
# Others are compatible with all that an application does.
_TOLD: Final = MODES[MODES.index("SHARE UPDATE EXCLUSIVE") :]


def fill_questions(file: Path, trial: Trial, lost: Sequence[str]) -> None:
    """Answer those that the file asks, and nobody has answered."""
    text = file.read_text(encoding="utf-8")
    answers = (
        (_LOCKS, "; ".join(describe_locks(trial)) or "none on tables that were there before."),
        (_LOSES, f"the data of {', '.join(lost)}." if lost else "no data."),
    )
    filled = text
    for pattern, answer in answers:
        wrapped = textwrap.fill(
            answer, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False
        )
        if found := pattern.search(filled):
            filled = f"{filled[: found.end(1)]}\n{wrapped}{filled[found.end() :]}"
    if filled != text:
        file.write_text(filled, encoding="utf-8")


def describe_locks(trial: Trial) -> list[str]:
    """Return which locks were seen on which tables, and what was done while they were held."""
    found: dict[str, tuple[str, set[str]]] = {}
    for statements in trial.statements.values():
        for seen in (each.seen for each in statements):
            done = {
                "rewritten": seen.rewritten,
                "scanned": seen.scanned,
                "indexed": seen.indexed,
            }
            for lock in seen.locks:
                if lock.mode not in _TOLD or lock.line is not None or lock.index:
                    continue
                mode, work = found.get(lock.table, ("", set()))
                mode = max(mode, lock.mode, key=lambda each: MODES.index(each) if each else -1)
                work |= {word for word, tables in done.items() if lock.table in tables}
                found[lock.table] = mode, work
    return [f"{table}: {', '.join([mode, *sorted(work)])}" for table, (mode, work) in found.items()]
