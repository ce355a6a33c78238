"""Amounts have more digits after the point."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ALTER COLUMN amount TYPE numeric(10, 4)")
