"""A table is renamed."""

from __future__ import annotations

from alembic import op

expected = "renames-table"


def upgrade() -> None:
    op.rename_table("customers", "clients")
