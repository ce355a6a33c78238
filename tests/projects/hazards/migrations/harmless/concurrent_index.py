"""An index is built while everybody works."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("i", "orders", postgresql_concurrently=True, if_exists=True)
        op.create_index("i", "orders", ["legacy_id"], postgresql_concurrently=True)
