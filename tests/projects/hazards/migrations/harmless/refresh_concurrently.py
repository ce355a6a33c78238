"""A materialized view is filled again while everybody reads it."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")
