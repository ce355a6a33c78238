"""A table is no longer in the write-ahead log."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE lines SET UNLOGGED")
