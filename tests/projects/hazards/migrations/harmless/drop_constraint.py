"""A constraint is dropped."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.drop_constraint("ck_orders_amount", "orders")
