"""NOT VALID is of no use in one transaction with VALIDATE."""

from __future__ import annotations

from alembic import op

expected = "foreign-key-scan"


def upgrade() -> None:
    op.create_foreign_key(
        "fk_lines_order", "lines", "orders", ["order_id"], ["id"], postgresql_not_valid=True
    )
    op.execute("ALTER TABLE lines VALIDATE CONSTRAINT fk_lines_order")
