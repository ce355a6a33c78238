"""An index is built in an autocommit block, but not concurrently."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("ix_orders_legacy_id", "orders", ["legacy_id"])
