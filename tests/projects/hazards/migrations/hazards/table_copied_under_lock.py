"""A new table is made of another's rows, while that is locked."""

from __future__ import annotations

from alembic import op

expected = "write-under-lock"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN region text")
    op.execute("CREATE TABLE orders_2025 AS SELECT * FROM orders")
