"""Orders and their lines.

Locks: SHARE ROW EXCLUSIVE on products for the foreign key, for an instant.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: all orders.

Revision ID: 1c168adb00d2
Revises: cc93c8cf7984
Create Date: 2026-09-04 09:47:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1c168adb00d2"
down_revision = "cc93c8cf7984"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "paid", "shipped", name="order_status"),
            server_default="pending",
            nullable=False,
        ),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price_cents", sa.BigInteger, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_order_lines_order_id_orders"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id_products")
        ),
        sa.PrimaryKeyConstraint("order_id", "product_id", name=op.f("pk_order_lines")),
    )
    op.create_index(op.f("ix_order_lines_product_id"), "order_lines", ["product_id"])


def downgrade() -> None:
    op.drop_table("order_lines")
    op.drop_table("orders")
    op.execute("DROP TYPE order_status")
