"""A column is unique."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.create_unique_constraint("uq_orders_legacy_id", "orders", ["legacy_id"])
