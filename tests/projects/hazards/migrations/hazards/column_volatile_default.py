"""A new column has another default in each row."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()")
