"""The indexes of a table are built again."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.execute("REINDEX TABLE orders")
