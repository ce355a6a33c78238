"""An index is dropped while everybody works."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_country", postgresql_concurrently=True)
