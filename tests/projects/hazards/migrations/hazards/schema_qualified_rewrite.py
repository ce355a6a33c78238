"""A table of another schema is rewritten."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("ALTER TABLE archive.orders ALTER COLUMN id TYPE text")
