"""Orders reference their customer: all rows, 2 of 2.

Locks: SHARE UPDATE EXCLUSIVE on orders while it is read, ROW SHARE on customers: neither blocks
reads or writes.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing; a constraint cannot be made NOT VALID again, and need not be.

Revision ID: d3c271e47212
Revises: 9b5094026b61
Create Date: 2026-09-22 11:29:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "d3c271e47212"
down_revision = "9b5094026b61"
branch_labels = None
depends_on = None
waives = {"asymmetric": "a constraint cannot be made NOT VALID again, and need not be"}


def upgrade() -> None:
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_customer_id_customers")


def downgrade() -> None:
    pass
