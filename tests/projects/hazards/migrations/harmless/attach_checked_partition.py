"""A check proves that every row belongs to the partition."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE events ATTACH PARTITION events_2027
        FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
        """
    )
