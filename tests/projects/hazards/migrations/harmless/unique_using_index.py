"""A constraint takes an index that is there."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD CONSTRAINT uq UNIQUE USING INDEX ux_customers_email")
