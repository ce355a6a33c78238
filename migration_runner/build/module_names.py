"""Names in source: those that a module may define, and that of an expression."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

_ALWAYS: Final = frozenset(
    {"*", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
)
# With these, a module may define any name.
_ANY_NAME: Final = frozenset(
    {"__getattr__", "__path__", "eval", "exec", "globals", "locals", "modules", "setattr", "vars"}
)


def may_define(tree: ast.Module, name: str) -> bool:
    """Whether a module may define `name`, by any statement in it."""
    names = set(_names(tree))
    return name in names or name in _ALWAYS or "*" in names or bool(_ANY_NAME & names)


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield every name that occurs, except the names of arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def last_name(node: ast.expr) -> str | None:
    """Return the last part of a dotted name; None of any other expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
