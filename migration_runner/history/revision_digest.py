"""Whether a revision file is still the one that was applied.

A file is edited when what Python compiles is another: white space, comments and docstrings do not
count, as formatters change them. The digest is over the syntax tree, not over bytecode, so that
every version of Python finds the same; fields that are empty are left out, since newer versions
add some.
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

# Said in the text but not in the program: `u"..."`, `# type:`, load or store.
_SILENT_FIELDS: Final = frozenset({"kind", "type_comment", "type_ignores", "ctx"})
_WITH_DOCSTRING: Final = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class RevisionDigest:
    """SHA-256 of a revision file's bytes and of its program, in hexadecimal."""

    file_sha256: str
    code_sha256: str | None


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a file. Raises `OSError`."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest_revision(path: str) -> RevisionDigest:
    """Return both digests of a file; the program's is None where there is no source in it.

    Raises `OSError`.
    """
    source = Path(path).read_bytes()
    code = None
    # `sourceless`: Alembic runs a .pyc. What is nested too deeply for a tree is left alone.
    with (
        contextlib.suppress(SyntaxError, ValueError, RecursionError),
        warnings.catch_warnings(),
    ):
        # Of an invalid escape in a string, for one: whoever executes the file is told of it.
        warnings.simplefilter("ignore")
        # Bytes, so that Python finds the encoding.
        code = hashlib.sha256("\n".join(_describe(ast.parse(source))).encode()).hexdigest()
    return RevisionDigest(hashlib.sha256(source).hexdigest(), code)


def _describe(tree: ast.AST) -> list[str]:
    """Give a syntax tree as lines that are equal for equal programs.

    With a list of what is ahead: a sum of a thousand strings is a tree as deep.
    """
    lines: list[str] = []
    ahead: list[object] = [tree]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.AST):
            line, fields = type(node).__name__, []
            for name in _spoken(node._fields):
                value = getattr(node, name, None)
                if value is None or value == []:
                    continue
                line += f" {name}"
                fields.append(_spoken_part(node, value) if name in ("body", "values") else value)
            lines.append(line)
            ahead += reversed(fields)
        elif isinstance(node, list):
            lines.append(f"[{len(node)}")
            ahead += reversed(node)
        else:
            # In ASCII: what is printable differs from one version's Unicode to the next.
            lines.append(f"{type(node).__name__} {node!a}")
    return lines


@functools.cache
def _spoken(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if name not in _SILENT_FIELDS)


def _spoken_part(node: ast.AST, value: object) -> object:
    """Return the value of a `body` or `values` without what does not count."""
    if isinstance(node, _WITH_DOCSTRING):
        return node.body if ast.get_docstring(node, clean=False) is None else node.body[1:]
    if isinstance(node, ast.JoinedStr):
        # Python 3.12.0 puts an empty text behind the last expression of a format.
        return [part for part in node.values if getattr(part, "value", None) != ""]
    return value
