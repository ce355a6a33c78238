"""The names that a revision file declares, and whether it declares them as constants."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

# As in a revision file: none, one or several.
Names = str | tuple[str, ...] | None

_NAMES: Final = ("revision", "down_revision", "depends_on", "branch_labels", "breaks_before")


def as_tuple(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return names as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def as_name(value: str | Iterable[str] | None) -> Names:
    """Return names as `marshal` can write them."""
    return value if value is None or isinstance(value, str) else tuple(value)


def declares_constants(path: str, values: Mapping[str, Any]) -> bool:
    """Whether the file declares `values`, found by executing it, as constants.

    What it computes can be different in the next run.
    """
    if not path.endswith(".py"):
        return False
    tree = ast.parse(Path(path).read_bytes())
    written = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del)
    )
    declared = dict(_constants(tree))
    star = any(
        alias.name in (*_NAMES, "*") or alias.asname in _NAMES
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )
    return not star and all(
        values.get(name) == declared.get(name) and written[name] == (name in declared)
        for name in _NAMES
    )


def _constants(tree: ast.Module) -> Iterable[tuple[str, Any]]:
    """Yield the names that are assigned a constant at module level."""
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in _NAMES and statement.value:
                try:
                    yield target.id, ast.literal_eval(statement.value)
                except ValueError:
                    continue
