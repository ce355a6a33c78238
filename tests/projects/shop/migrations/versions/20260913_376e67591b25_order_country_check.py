"""Orders have a country: required of new rows, 3 of 4.

In its own transaction: the strong lock must be released before the fourth step reads the table.
Locks: ACCESS EXCLUSIVE on orders for an instant; NOT VALID reads no row.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing.

Revision ID: 376e67591b25
Revises: 9e69d02a8cf6
Create Date: 2026-09-13 10:38:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "376e67591b25"
down_revision = "9e69d02a8cf6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_country CHECK (country IS NOT NULL) NOT VALID"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP CONSTRAINT ck_orders_country")
