"""A text becomes shorter."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ALTER COLUMN phone TYPE varchar(15)")
