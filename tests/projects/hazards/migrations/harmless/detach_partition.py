"""A partition is detached while everybody works."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY")
