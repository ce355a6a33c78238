"""A foreign key of all rows."""

from __future__ import annotations

from alembic import op

expected = "foreign-key-scan"


def upgrade() -> None:
    op.create_foreign_key("fk_lines_order", "lines", "orders", ["order_id"], ["id"])
