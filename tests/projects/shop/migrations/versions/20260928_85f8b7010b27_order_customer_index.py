"""An index on the customer and time of orders.

Locks: SHARE UPDATE EXCLUSIVE on orders while the index is built, which blocks neither reads nor
writes. The runner sets no lock timeout for a concurrent build, since it would leave it invalid.
Killed half-way: leaves an invalid index, which a second run drops first.
Downgrade loses: nothing.

Revision ID: 85f8b7010b27
Revises: a18230fec1c5
Create Date: 2026-09-28 12:03:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "85f8b7010b27"
down_revision = "a18230fec1c5"
branch_labels = None
depends_on = None

INDEX = "ix_orders_customer_id_placed_at"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "orders", postgresql_concurrently=True, if_exists=True)
        op.create_index(INDEX, "orders", ["customer_id", "placed_at"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "orders", postgresql_concurrently=True, if_exists=True)
