"""SET NOT NULL trusts a check that is valid."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.alter_column("customers", "country", nullable=False)
    op.execute("ALTER TABLE customers DROP CONSTRAINT ck_customers_country")
