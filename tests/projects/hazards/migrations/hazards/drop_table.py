"""A table is dropped."""

from __future__ import annotations

from alembic import op

expected = "drops-table"


def upgrade() -> None:
    op.drop_table("lines")
