"""A table is sorted."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("CLUSTER customers USING ux_customers_email")
