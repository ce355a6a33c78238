"""A block drops a column."""

from __future__ import annotations

from alembic import op

expected = "drops-column"


def upgrade() -> None:
    op.execute("DO $$ BEGIN EXECUTE 'ALTER TABLE customers DROP COLUMN phone'; END $$")
