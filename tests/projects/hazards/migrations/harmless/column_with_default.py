"""A column with a constant default, required."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.add_column("orders", sa.Column("currency", sa.Text, server_default="EUR", nullable=False))
