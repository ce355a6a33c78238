"""An index is built."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    op.create_index("ix_orders_legacy_id", "orders", ["legacy_id"])
