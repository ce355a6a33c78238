"""An index is built while the lock of an earlier statement is held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.add_column("orders", sa.Column("token", sa.Text))
    op.create_index("ix_orders_token", "orders", ["token"])
