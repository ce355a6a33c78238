"""A foreign key of new rows."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.create_foreign_key(
        "fk_lines_order", "lines", "orders", ["order_id"], ["id"], postgresql_not_valid=True
    )
