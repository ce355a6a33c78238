"""A value for the next revision to use."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'lost'")
