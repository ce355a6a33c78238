"""A partition without rows."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE events_2028 PARTITION OF events
        FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')
        """
    )
