"""Rows are counted while a lock is held for a moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.execute("SELECT count(*) FROM orders WHERE id = 1")
    op.add_column("orders", sa.Column("region", sa.Text))
