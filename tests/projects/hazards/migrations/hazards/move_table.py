"""A table is moved to another schema."""

from __future__ import annotations

from alembic import op

expected = "renames-table"


def upgrade() -> None:
    op.execute("ALTER TABLE lines SET SCHEMA archive")
