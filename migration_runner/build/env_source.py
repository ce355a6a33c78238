"""What env.py's source says about the fast path. It is read, not run: a run checks what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_runner.build.module_names import last_name
from migration_runner.project.declaration import Declaration, name_table

_ENGINES: Final = frozenset(
    {"create_engine", "engine_from_config", "create_async_engine", "async_engine_from_config"}
)
_DEFAULT_TABLE: Final = "alembic_version"
# Schema and name.
_Table = tuple[str | None, str]


@dataclass(frozen=True)
class EnvSource:
    """`takes_connection`: it mentions `config.attributes`, where the runner's connection is.

    `opens_connections`: it creates an engine. `tables`: the version tables of its calls of
    `context.configure(connection=...)`; None for one that is not a constant.
    """

    takes_connection: bool
    opens_connections: bool
    tables: frozenset[_Table | None]

    def contradicts(self, declared: Declaration) -> str | None:
        """Return why a declaration is false; None if it may be true."""
        if self.opens_connections and not self.takes_connection:
            return 'env.py opens its own connection instead of config.attributes["connection"]'
        if self.tables and not self.tables & {None, (declared.schema, declared.table)}:
            names = sorted(name_table(*table) for table in self.tables if table)
            return f"env.py configures the version table {', '.join(names)}"
        return None

    @property
    def declarable(self) -> _Table | None:
        """The version table that could be declared; None if that is impossible, or not clear."""
        if not self.takes_connection or len(self.tables) != 1:
            return None
        return next(iter(self.tables))


def read_env(path: Path) -> EnvSource:
    """Read env.py; of one that does not exist or cannot be parsed, nothing is known."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        nodes = []
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return EnvSource(
        any(isinstance(node, ast.Attribute) and node.attr == "attributes" for node in nodes),
        any(last_name(call.func) in _ENGINES for call in calls),
        frozenset(_tables(calls)),
    )


def _tables(calls: list[ast.Call]) -> Iterator[_Table | None]:
    for call in calls:
        words = {word.arg: word.value for word in call.keywords}
        if last_name(call.func) != "configure" or not (call.args or "connection" in words):
            continue
        schema = words.get("version_table_schema", ast.Constant(None))
        table = words.get("version_table", ast.Constant(_DEFAULT_TABLE))
        constants = isinstance(schema, ast.Constant) and isinstance(table, ast.Constant)
        # None: `**options`.
        if constants and None not in words:
            yield ast.literal_eval(schema), ast.literal_eval(table)
        else:
            yield None
