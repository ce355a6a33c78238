"""A new partition takes rows that are in the default one."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE visits_2026 PARTITION OF visits
        FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
        """
    )
