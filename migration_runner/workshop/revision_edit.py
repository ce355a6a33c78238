"""Changes a revision file's `down_revision`, and the `Revises:` of its docstring, and nothing else.

Comments, quotes, tuples, encoding and line ends stay as they are.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_runner.errors import HistoryError
from migration_runner.history.revision_digest import assigned_name

_NAME: Final = "down_revision"
_STRING: Final = re.compile(r"([rRuU]?)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
_REVISES: Final = re.compile(r"(?m)^([ \t]*Revises:)([ \t]*)([^\r\n]*)")


@dataclass(frozen=True)
class _Source:
    """A file's text as it is, and the tree of it."""

    file: Path
    encoding: str
    text: str
    tree: ast.Module

    def offset(self, line: int, column: int) -> int:
        """Return where a line and its column, which counts bytes of UTF-8, are in the text."""
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self.text)
        before = lines[line - 1].encode()[:column].decode()
        return sum(map(len, lines[: line - 1])) + len(before)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Return where a node begins and ends."""
        assert node.end_lineno is not None  # noqa: S101 - as parsed
        assert node.end_col_offset is not None  # noqa: S101 - as parsed
        end = self.offset(node.end_lineno, node.end_col_offset)
        return self.offset(node.lineno, node.col_offset), end


def with_parent(file: Path, parent: str) -> bytes:
    """Return the file's content with another `down_revision`, which has one name or none.

    Raises `HistoryError` if it is not written as a constant.
    """
    source = _read(file)
    node = _declaration(source)
    start, end = source.span(node)
    written = source.text[start:end]
    old = node.value
    if old is None:
        new = f"{_quote(source)}{parent}{_quote(source)}"
    else:
        found = _STRING.fullmatch(written)
        if found is None or found[3] != old:
            raise _unusual(source, node)
        new = f"{found[1]}{found[2]}{parent}{found[2]}"
    text = source.text[:start] + new + source.text[end:]
    text = _with_docstring(source, text, str(old or ""), parent)
    return text.encode(source.encoding)


def _read(file: Path) -> _Source:
    content = file.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return _Source(file, encoding, content.decode(encoding), ast.parse(content))
    except (SyntaxError, ValueError) as error:
        message = f"{file} cannot be read: {error}."
        raise HistoryError(message, reason="import_error", file=str(file)) from None


def _declaration(source: _Source) -> ast.Constant:
    """Return the constant that is the parent's id, or None; also the only one of a tuple."""
    values = [
        statement.value
        for statement in source.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and assigned_name(statement) == _NAME
        and statement.value is not None
    ]
    if len(values) != 1:
        raise _unusual(source, values[1] if values else None)
    value = values[0]
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == 1:
        value = value.elts[0]
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str | None):
        raise _unusual(source, value)
    return value


def _unusual(source: _Source, node: ast.expr | None) -> HistoryError:
    line = f", line {node.lineno}" if node else ""
    message = (
        f"{source.file}{line}: {_NAME} is not one plain string. Write it so, and run `migrate"
        " rebase` again; nothing was changed."
    )
    return HistoryError(message, reason="unusual_down_revision", file=str(source.file))


def _quote(source: _Source) -> str:
    """Return the quotation mark of the file's `revision`."""
    for statement in source.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            if assigned_name(statement) != "revision" or statement.value is None:
                continue
            start, end = source.span(statement.value)
            found = _STRING.fullmatch(source.text[start:end])
            return found[2][0] if found else '"'
    return '"'


def _with_docstring(source: _Source, text: str, old: str, parent: str) -> str:
    """Return the text with another `Revises:` in the docstring, if that names the old parent."""
    first = source.tree.body[0]
    if not isinstance(first, ast.Expr) or ast.get_docstring(source.tree) is None:
        return text
    # It stands before the declaration, so that its place is still the same.
    start, end = source.span(first.value)
    found = _REVISES.search(text, start, end)
    if found is None or found[3].strip() != old:
        return text
    return f"{text[: found.end(1)]}{found[2] or ' '}{parent}{text[found.end(3) :]}"
