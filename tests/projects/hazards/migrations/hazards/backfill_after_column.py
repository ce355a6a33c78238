"""A column is added and filled in one transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "write-under-lock"


def upgrade() -> None:
    op.add_column("orders", sa.Column("region", sa.Text))
    op.execute("UPDATE orders SET region = country")
