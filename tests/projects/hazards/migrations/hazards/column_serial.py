"""A new column counts the rows."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN number serial")
