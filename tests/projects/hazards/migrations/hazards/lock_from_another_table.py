"""An index is built while another table is locked."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN region text")
    op.create_index("ix_orders_legacy_id", "orders", ["legacy_id"])
