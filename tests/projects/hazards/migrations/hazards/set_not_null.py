"""A column is required, without a check."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.alter_column("orders", "country", nullable=False)
