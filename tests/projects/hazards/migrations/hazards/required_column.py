"""A new column must have a value."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "adds-required-column"


def upgrade() -> None:
    op.add_column("orders", sa.Column("currency", sa.Text, nullable=False))
