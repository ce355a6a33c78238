"""A column is dropped that no release uses."""

from __future__ import annotations

from alembic import op

breaks_before = "base"


def upgrade() -> None:
    op.drop_column("customers", "phone")
