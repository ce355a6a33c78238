"""A comment that reads like SQL: -- UPDATE orders SET a = 1; DROP TABLE orders."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute(
        """
        -- UPDATE orders SET country = 'DE'
        COMMENT ON TABLE orders IS 'UPDATE orders SET country = 1; CREATE INDEX ON orders (id)'
        """
    )
