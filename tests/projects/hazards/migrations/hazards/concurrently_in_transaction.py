"""A concurrent build needs an autocommit block."""

from __future__ import annotations

from alembic import op

expected = "needs-autocommit"


def upgrade() -> None:
    op.create_index("i", "orders", ["country"], postgresql_concurrently=True)
