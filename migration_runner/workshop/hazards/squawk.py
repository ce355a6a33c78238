"""squawk on the statements that ran: what breaks a release without touching a table.

https://squawkhq.com
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.squawk_rules import (
    ADVICE,
    ASKED,
    BREAKS,
    check_of,
    is_silent,
)
from migration_runner.workshop.hazards.statement import Statement

NOT_INSTALLED: Final = (
    "squawk is not installed; it comes with the extra: pip install 'migration-runner[workshop]'"
)
_SECONDS: Final = 60
# It exits with 1 when it has found something.
_ANSWERS: Final = (0, 1)


@dataclass(frozen=True)
class Linted:
    """What squawk has found; `problem`: why it could not be asked, in one line."""

    findings: tuple[Finding, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class _File:
    """A file for squawk, and which of its lines, from 0, are of which statement."""

    text: str
    owners: Sequence[Statement]


def lint(statements: Sequence[Statement], *, major: int, breaking: Collection[str] = ()) -> Linted:
    """Return what squawk says of statements on a server of this major version.

    `breaking`: the revisions that declare `breaks_before`, so that no older release is running.
    """
    program = find_squawk()
    if program is None:
        return Linted(problem=NOT_INSTALLED)
    findings: list[Finding] = []
    for transactional in (True, False):
        chosen = (
            each for each in statements if each.transactional == transactional and not each.error
        )
        files = [*_files(chosen)]
        if not files:
            continue
        try:
            answers = _ask(program, files, major, transactional=transactional)
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            return Linted(problem=f"squawk failed: {' '.join(str(error).split())}")
        for owner, rule, message in answers:
            if not is_silent(rule, breaks=owner.revision in breaking):
                findings.append(_finding(owner, rule, message))
    return Linted(tuple(dict.fromkeys(findings)))


def find_squawk() -> str | None:
    """Return the program's path: beside this interpreter, or on the PATH."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.exists() else shutil.which("squawk")


def _files(statements: Iterable[Statement]) -> Iterator[_File]:
    """Yield a file for each revision: rules know what was created before."""
    by_revision: dict[str, list[Statement]] = {}
    for each in statements:
        by_revision.setdefault(each.revision, []).append(each)
    for of_one in by_revision.values():
        texts = [f"{each.sql.rstrip().rstrip(';')}\n;\n" for each in of_one]
        pairs = zip(of_one, texts, strict=True)
        owners = [each for each, text in pairs for _ in range(text.count("\n"))]
        yield _File("".join(texts), owners)


def _ask(
    program: str, files: Sequence[_File], major: int, *, transactional: bool
) -> list[tuple[Statement, str, str]]:
    """Return statement, rule and message of what squawk finds."""
    with tempfile.TemporaryDirectory(prefix="migrate-squawk-") as name:
        names = [f"{number}.sql" for number in range(len(files))]
        for each, file in zip(names, files, strict=True):
            (Path(name) / each).write_text(file.text, encoding="utf-8")
        command = [
            program,
            "--reporter=json",
            f"--pg-version={major}.0",
            *(f"--include={rule}" for rule in sorted(ASKED)),
            *(["--assume-in-transaction"] if transactional else []),
            *names,
        ]
        # In a folder of its own: a project's .squawk.toml has rules for other files.
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, cwd=name, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    if done.returncode not in _ANSWERS:
        raise ValueError(done.stderr.partition("\n\n")[0])
    found = []
    for answer in json.loads(done.stdout):
        owners = files[names.index(Path(answer["file"]).name)].owners
        if answer["rule_name"] in ASKED:
            owner = owners[min(answer["line"], len(owners) - 1)]
            found.append((owner, answer["rule_name"], answer["message"]))
    return found


def _finding(owner: Statement, rule: str, message: str) -> Finding:
    place = (owner.revision, Path(owner.file), owner.line)
    return Finding(check_of(rule), _plain(message), ADVICE.get(rule, BREAKS), *place)


def _plain(message: str) -> str:
    """Return a message without Markdown, and with its period."""
    return message.replace("`", "").rstrip(".") + "."
