"""A column is dropped."""

from __future__ import annotations

from alembic import op

expected = "drops-column"


def upgrade() -> None:
    op.drop_column("customers", "phone")
