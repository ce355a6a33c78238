"""A few rows are changed."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("UPDATE orders SET status = 'paid' WHERE id IN (1, 2)")
    op.execute("DELETE FROM customers WHERE email LIKE '%@example.org'")
