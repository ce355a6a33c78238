"""A table is packed."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("VACUUM (FULL, ANALYZE) orders")
