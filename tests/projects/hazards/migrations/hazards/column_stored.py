"""A generated column is stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.add_column(
        "orders", sa.Column("net", sa.Numeric, sa.Computed("amount / 1.2", persisted=True))
    )
