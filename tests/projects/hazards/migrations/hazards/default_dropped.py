"""A new column has a default only for the rows that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "drops-default"


def upgrade() -> None:
    op.add_column("orders", sa.Column("currency", sa.Text, server_default="EUR", nullable=False))
    op.alter_column("orders", "currency", server_default=None)
