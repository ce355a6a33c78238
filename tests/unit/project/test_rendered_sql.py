"""SQL in revisions from models: as it is, with a comment, in lines that can be read."""

from __future__ import annotations

import ast
import textwrap
from types import SimpleNamespace

import sqlalchemy
from alembic.autogenerate import renderers
from hypothesis import example, given
from hypothesis import strategies as st

from migration_runner.project.rendered_sql import RenderedSQL, Statement


def _render(sql: str, comment: str = "") -> list[str]:
    operation = RenderedSQL(Statement(sql, comment))
    context = SimpleNamespace(opts={"alembic_module_prefix": "op."})
    rendered = renderers.dispatch(operation)(context, operation)
    assert isinstance(rendered, list)
    return rendered


@given(st.text(st.sampled_from("a:\\ $'\"é;(%\n\t"), min_size=1))
@example("SELECT ':a', x::text, 'c: d', '\\:e', ':f:'")
@example("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT\n    1;   \n'" + " -- x" * 30)
def test_it_is_executed_as_it_is(sql: str) -> None:
    # Alembic indents it, and removes the space at the ends of lines.
    lines = [
        line.rstrip(" ") for line in textwrap.indent("\n".join(_render(sql)), "    ").split("\n")
    ]
    (call,) = ast.parse(textwrap.dedent("\n".join(lines))).body

    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert sql == str(sqlalchemy.text(ast.literal_eval(call.value.args[0])))


def test_short_statements_are_one_line() -> None:
    assert ['op.execute("DROP TYPE mood")'] == _render("DROP TYPE mood")


def test_long_statements_are_broken_between_words() -> None:
    sql = "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID, ADD note text"

    comment, call = _render(sql, "Not seen by Alembic:  the check.")

    assert "# Not seen by Alembic: the check." == comment
    assert [
        "op.execute(",
        '    "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID, ADD note "',
        '    "text"',
        ")",
    ] == call.split("\n")
