"""Orders reference their customer: new rows, 1 of 2.

Locks: SHARE ROW EXCLUSIVE on orders and customers for an instant; NOT VALID reads no row.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing.

Revision ID: 9b5094026b61
Revises: b547567a091f
Create Date: 2026-09-19 11:12:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "9b5094026b61"
down_revision = "b547567a091f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_foreign_key(
        op.f("fk_orders_customer_id_customers"),
        "orders",
        "customers",
        ["customer_id"],
        ["id"],
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_orders_customer_id_customers"), "orders", type_="foreignkey")
