"""A table is renamed, and a view has its name."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.rename_table("lines", "order_lines")
    op.execute("CREATE VIEW lines AS SELECT * FROM order_lines")
