"""All rows are changed from another table."""

from __future__ import annotations

from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    op.execute(
        """
        UPDATE orders AS o SET country = c.country
        FROM customers AS c WHERE c.id = o.customer_id
        """
    )
