"""Orders have a country: required of all rows, 4 of 4.

Locks: SHARE UPDATE EXCLUSIVE on orders while it is read, which blocks neither reads nor writes;
then ACCESS EXCLUSIVE for an instant: SET NOT NULL trusts a valid check (PostgreSQL 12).
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing.

Revision ID: b547567a091f
Revises: 376e67591b25
Create Date: 2026-09-16 10:55:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "b547567a091f"
down_revision = "376e67591b25"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_country")
    op.alter_column("orders", "country", nullable=False)
    op.execute("ALTER TABLE orders DROP CONSTRAINT ck_orders_country")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_country CHECK (country IS NOT NULL) NOT VALID"
    )
    op.alter_column("orders", "country", nullable=True)
