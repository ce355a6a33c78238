"""Rows are counted in an autocommit block, before a lock is taken."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SELECT count(*) FROM orders")
    op.execute("ALTER TABLE orders ADD COLUMN region text")
