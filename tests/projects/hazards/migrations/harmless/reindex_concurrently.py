"""An index is built again while everybody works."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("REINDEX TABLE CONCURRENTLY orders")
