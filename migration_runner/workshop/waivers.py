"""Which findings a revision accepts, and why: `waives = {"check-name": "reason"}` in its file.

The file is read, not executed. The dictionary is at module level and has only strings.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from migration_runner.documentation import docs_page
from migration_runner.history.revision_digest import WAIVERS, assigned_name
from migration_runner.workshop.checks import CHECKS, NEVER_WAIVED
from migration_runner.workshop.finding import Finding

_EXAMPLE: Final = f'Write {WAIVERS} = {{"check-name": "the reason"}} at the top level of the file.'
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass
class _Waivers:
    """A file's waivers: reason and line by the check's name; and what is wrong with them."""

    file: Path
    revision: str = ""
    reasons: dict[str, tuple[str, int]] = field(default_factory=dict)
    wrong: list[Finding] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def waive(self, finding: Finding) -> Finding:
        """Return the finding, waived if it is one of this revision's and the file waives it."""
        reason, _ = self.reasons.get(finding.check, ("", 0))
        if not reason:
            return finding
        self.used.add(finding.check)
        return dataclasses.replace(finding, waived=reason)

    def add_wrong(self, line: int, message: str, advice: str) -> None:
        """Note a waiver that cannot be taken."""
        self.wrong.append(Finding("waiver", message, advice, self.revision, self.file, line))


def apply_waivers(
    findings: Sequence[Finding],
    files: Iterable[Path],
    *,
    checked: Collection[Path] | None = None,
    checks: Collection[str] | None = None,
) -> list[Finding]:
    """Return the findings, waived where a revision's file says so, and those about waivers.

    `files` are all revision files. A waiver is called unused only in the files that were `checked`,
    and of `checks` that were made: without them, in all files, and of all checks.
    """
    read = [waivers for file in files if (waivers := _read(file))]
    by_file = {waivers.file.resolve(): waivers for waivers in read}
    by_revision = {waivers.revision: waivers for waivers in read if waivers.revision}
    result = []
    for finding in findings:
        waivers = by_revision.get(finding.revision)
        if waivers is None and finding.file is not None:
            waivers = by_file.get(finding.file.resolve())
        result.append(waivers.waive(finding) if waivers else finding)
    seen = None if checked is None else {file.resolve() for file in checked}
    for file, waivers in by_file.items():
        result += waivers.wrong
        if seen is None or file in seen:
            result += _unused(waivers, CHECKS.keys() if checks is None else checks)
    return result


def _unused(waivers: _Waivers, checks: Collection[str]) -> Iterator[Finding]:
    for name, (_, line) in waivers.reasons.items():
        if name in checks and name not in waivers.used:
            message = f"{name} is waived, but was not found."
            yield Finding(
                "unused-waiver", message, "Remove it.", waivers.revision, waivers.file, line
            )


def _read(file: Path) -> _Waivers | None:
    """Read a file's waivers; None if it has none, or is not Python: another check says so."""
    try:
        source = file.read_bytes()
        if WAIVERS.encode() not in source:
            return None
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    waivers = _Waivers(file)
    found: list[ast.expr] = []
    for statement in tree.body:
        value = getattr(statement, "value", None)
        if assigned_name(statement) == "revision" and isinstance(value, ast.Constant):
            waivers.revision = str(value.value)
        elif assigned_name(statement) == WAIVERS and value is not None:
            found.append(value)
    if len(found) > 1:
        waivers.add_wrong(found[1].lineno, f"{WAIVERS} is assigned twice.", "Write one of them.")
    for value in found[:1]:
        _take(waivers, value)
    for line in _otherwise(tree):
        waivers.add_wrong(line, f"{WAIVERS} is changed here: this is not read.", _EXAMPLE)
    return waivers


def _take(waivers: _Waivers, value: ast.expr) -> None:
    if not isinstance(value, ast.Dict):
        waivers.add_wrong(value.lineno, f"{WAIVERS} is not a literal dictionary.", _EXAMPLE)
        return
    for key, reason in zip(value.keys, value.values, strict=True):
        line = (key or reason).lineno
        name, text = _string(key), _string(reason)
        if name is None:
            message = f"{WAIVERS} has a key that is not a literal string."
            waivers.add_wrong(line, message, _EXAMPLE)
        elif name not in CHECKS:
            nearest = difflib.get_close_matches(name, CHECKS, n=1)
            advice = f"Did you mean {nearest[0]}?" if nearest else f"See {docs_page('verify')}."
            waivers.add_wrong(line, f"There is no check {name!r}.", advice)
        elif name in NEVER_WAIVED:
            waivers.add_wrong(line, f"{name} cannot be waived.", "Correct what it finds.")
        elif name in waivers.reasons:
            waivers.add_wrong(line, f"{name} is waived twice.", "Write one reason.")
        elif text is None or not text.strip():
            message = f"{name} is waived without a reason."
            waivers.add_wrong(line, message, "Say why this revision may do so.")
        else:
            waivers.reasons[name] = " ".join(text.split()), line


def _string(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _otherwise(tree: ast.Module) -> Iterator[int]:
    """Yield the lines on which the module changes its waivers in ways that are not read."""
    ahead: list[ast.AST] = [each for each in tree.body if assigned_name(each) != WAIVERS]
    while ahead:
        node = ahead.pop(0)
        if isinstance(node, _SCOPES):
            continue
        # Assigned in a condition, by `+=`, in a tuple; an item of it; a method such as `update`.
        if isinstance(node, ast.Name) and node.id == WAIVERS:
            yield node.lineno
        ahead += ast.iter_child_nodes(node)
