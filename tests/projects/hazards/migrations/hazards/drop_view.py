"""A view is dropped."""

from __future__ import annotations

from alembic import op

expected = "drops-view"


def upgrade() -> None:
    op.execute("DROP VIEW named_customers")
