"""A view gets another column."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("DROP VIEW named_customers")
    op.execute("CREATE VIEW named_customers AS SELECT full_name, id, email FROM customers")
