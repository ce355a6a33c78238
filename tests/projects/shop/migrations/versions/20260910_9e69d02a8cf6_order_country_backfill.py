"""Orders have a country: the existing orders, 2 of 4.

Locks: the rows of one batch at a time, never the table.
Killed half-way: the committed batches remain; a second run does the rest.
Downgrade loses: nothing.

Revision ID: 9e69d02a8cf6
Revises: 1f0b219cc636
Create Date: 2026-09-10 10:21:00+00:00
"""

from __future__ import annotations

from migration_runner.api import update_in_batches

revision = "9e69d02a8cf6"
down_revision = "1f0b219cc636"
branch_labels = None
depends_on = None


def upgrade() -> None:
    update_in_batches(
        "orders",
        "country = (SELECT country FROM customers WHERE customers.id = orders.customer_id)",
        where="country IS NULL",
    )


def downgrade() -> None:
    pass
