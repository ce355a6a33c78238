"""Amounts have more digits before the point."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER TABLE archive.orders ALTER COLUMN amount TYPE numeric(12, 2)")
