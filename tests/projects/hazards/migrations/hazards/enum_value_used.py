"""A new enum value is used in the transaction that adds it."""

from __future__ import annotations

from alembic import op

expected = "enum-value-too-early"


def upgrade() -> None:
    op.execute("ALTER TYPE order_status ADD VALUE 'lost'")
    op.execute("UPDATE orders SET status = 'lost' WHERE id = 1")
