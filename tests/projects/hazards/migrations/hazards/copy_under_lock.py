"""A table is copied while another one is locked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "write-under-lock"


def upgrade() -> None:
    op.add_column("orders", sa.Column("region", sa.Text))
    op.execute("CREATE TABLE orders_old (id bigint)")
    op.execute("INSERT INTO orders_old SELECT id FROM orders")
