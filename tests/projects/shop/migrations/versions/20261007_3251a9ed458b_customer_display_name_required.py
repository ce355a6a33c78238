"""A customer's full name becomes the display name: required, 3 of 4.

Locks: SHARE UPDATE EXCLUSIVE on customers while it is read, then ACCESS EXCLUSIVE for an instant.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing.

Revision ID: 3251a9ed458b
Revises: ccdae8602202
Create Date: 2026-10-07 12:54:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "3251a9ed458b"
down_revision = "ccdae8602202"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE customers VALIDATE CONSTRAINT ck_customers_display_name")
    op.alter_column("customers", "display_name", nullable=False)
    op.execute("ALTER TABLE customers DROP CONSTRAINT ck_customers_display_name")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE customers ADD CONSTRAINT ck_customers_display_name"
        " CHECK (display_name IS NOT NULL) NOT VALID"
    )
    op.alter_column("customers", "display_name", nullable=True)
