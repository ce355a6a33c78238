"""A check of all rows, in a revision of its own."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_amount")
