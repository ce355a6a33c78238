"""Orders have a country: the column, 1 of 4.

The release that writes it is deployed before the fourth step, which requires it.
Locks: ACCESS EXCLUSIVE on orders for an instant; without a default no row is rewritten.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: the orders' countries.

Revision ID: 1f0b219cc636
Revises: 1c168adb00d2
Create Date: 2026-09-07 10:04:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1f0b219cc636"
down_revision = "1c168adb00d2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "orders", sa.Column("country", sa.Text, comment="where it goes, ISO 3166-1 alpha-2")
    )


def downgrade() -> None:
    op.drop_column("orders", "country")
