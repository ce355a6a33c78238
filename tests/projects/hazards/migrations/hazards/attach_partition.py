"""A table becomes a partition."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE events ATTACH PARTITION events_2026
        FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
        """
    )
