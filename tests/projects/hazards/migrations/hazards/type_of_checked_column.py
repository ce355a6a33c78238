"""Amounts have more digits, and their check is made again for all rows."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ALTER COLUMN amount TYPE numeric(12, 2)")
