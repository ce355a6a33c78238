"""SQL in a revision that autogenerate writes, with a comment, in lines that can be read."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from alembic.autogenerate import renderers
from alembic.operations import ops

_WIDTH: Final = 84
# What SQLAlchemy's text() takes for a parameter, and for one that is none.
_PARAMETER: Final = re.compile(r"(?<![:\w$\\]):(?=[\w$]+(?![:\w$]))|\\(?=:[\w$]*(?![:\w$]))")


@dataclass(frozen=True)
class Statement:
    """A statement, and a comment on it and on those that follow without one.

    `committed`: in a block that commits it before the next one is executed.
    """

    sql: str
    comment: str = ""
    committed: bool = False


class RenderedSQL(ops.ExecuteSQLOp):
    """`op.execute` of a statement as it is."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(_PARAMETER.sub(r"\\\g<0>", statement.sql))
        self.comment = statement.comment
        self.committed = statement.committed


@renderers.dispatch_for(RenderedSQL)
def _render(autogen_context: Any, operation: RenderedSQL) -> list[str]:
    prefix = autogen_context.opts["alembic_module_prefix"] or ""
    comment = textwrap.wrap(" ".join(operation.comment.split()), _WIDTH)
    pieces = [_literal(piece) for piece in _pieces(str(operation.sqltext))]
    if len(pieces) == 1:
        call = f"{prefix}execute({pieces[0]})"
    else:
        # Alembic indents all lines, so that a literal over several lines would be changed.
        call = "\n".join([f"{prefix}execute(", *(f"    {piece}" for piece in pieces), ")"])
    if operation.committed:
        block = f"with {prefix}get_context().autocommit_block():"
        call = f"{block}\n{textwrap.indent(call, '    ')}"
    return [*(f"# {line}" for line in comment), call]


def _pieces(sql: str) -> Iterator[str]:
    """Yield lines, and of long ones pieces that end with a space."""
    for line in sql.splitlines(keepends=True):
        rest = line
        while len(rest) > _WIDTH and (end := rest.rfind(" ", 1, _WIDTH)) > 0:
            yield rest[: end + 1]
            rest = rest[end + 1 :]
        yield rest


def _literal(text: str) -> str:
    plain = text.isprintable() and not set(text) & {'"', "\\"}
    return f'"{text}"' if plain else repr(text)
