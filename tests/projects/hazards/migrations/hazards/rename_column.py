"""A column is renamed."""

from __future__ import annotations

from alembic import op

expected = "renames-column"


def upgrade() -> None:
    op.alter_column("customers", "full_name", new_column_name="name")
