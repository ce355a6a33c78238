"""Orders can be cancelled.

The value may be used once this is committed, by the next revision at the earliest.
Locks: none on orders.
Killed half-way: a second run finds the value, or adds it.
Downgrade loses: nothing; Postgres cannot drop a value, and the release before ignores it.

Revision ID: a18230fec1c5
Revises: d3c271e47212
Create Date: 2026-09-25 11:46:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "a18230fec1c5"
down_revision = "d3c271e47212"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'cancelled'")


def downgrade() -> None:
    pass
