"""Digests that show whether a revision file was edited after it was applied.

Only changes to what Python compiles count: not white space, comments and docstrings, which
formatters change, and not the waivers of `migrate verify`, which may come later. The digest is over
the syntax tree, not the bytecode, so that it is the same in every version of Python; empty fields
are left out, since newer versions add some.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Fields that make no difference to the program: `u"..."`, `# type:`, load or store.
_IGNORED_FIELDS: Final = frozenset({"kind", "type_comment", "type_ignores", "ctx"})
# Declares which findings a revision accepts.
WAIVERS: Final = "waives"
_WITH_DOCSTRING: Final = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class RevisionDigest:
    """SHA-256 of a revision file's bytes and of its code, in hexadecimal."""

    file_sha256: str
    code_sha256: str | None


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a file. Raises `OSError`."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest_revision(path: str) -> RevisionDigest:
    """Return both digests of a file; the code's is None if the file has no source.

    Raises `OSError`.
    """
    source = Path(path).read_bytes()
    code = None
    # Alembic's `sourceless` mode runs .pyc files. Code nested too deeply for a tree is skipped.
    with (
        contextlib.suppress(SyntaxError, ValueError, RecursionError),
        warnings.catch_warnings(),
    ):
        # Such as for an invalid escape in a string: executing the file gives the same warning.
        warnings.simplefilter("ignore")
        # Bytes, so that Python finds the encoding.
        code = hashlib.sha256("\n".join(_describe(ast.parse(source))).encode()).hexdigest()
    return RevisionDigest(hashlib.sha256(source).hexdigest(), code)


def _describe(tree: ast.AST) -> list[str]:
    """Return a syntax tree as lines that are equal for equal programs.

    Iterative, not recursive: a sum of a thousand strings is a tree of that depth.
    """
    lines: list[str] = []
    ahead: list[object] = [tree]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.AST):
            line, fields = type(node).__name__, []
            for name in _compared(node._fields):
                value = getattr(node, name, None)
                if value is None or value == []:
                    continue
                line += f" {name}"
                fields.append(_compared_part(node, value) if name in ("body", "values") else value)
            lines.append(line)
            ahead += reversed(fields)
        elif isinstance(node, list):
            lines.append(f"[{len(node)}")
            ahead += reversed(node)
        else:
            # In ASCII: which characters are printable depends on Python's version of Unicode.
            lines.append(f"{type(node).__name__} {node!a}")
    return lines


@functools.cache
def _compared(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if name not in _IGNORED_FIELDS)


def _compared_part(node: ast.AST, value: object) -> object:
    """Return the value of a `body` or `values` without what makes no difference."""
    if isinstance(node, _WITH_DOCSTRING):
        body = node.body if ast.get_docstring(node, clean=False) is None else node.body[1:]
        return [each for each in body if not _declares_waivers(node, each)]
    if isinstance(node, ast.JoinedStr):
        # Python 3.12.0 adds an empty string after the last expression of an f-string.
        return [part for part in node.values if getattr(part, "value", None) != ""]
    return value


def _declares_waivers(parent: ast.AST, statement: ast.stmt) -> bool:
    return isinstance(parent, ast.Module) and assigned_name(statement) == WAIVERS


def assigned_name(statement: ast.stmt) -> str | None:
    """Return the one name that a statement assigns a value to: `name = ...`."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        return targets[0].id
    return None
