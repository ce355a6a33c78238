"""Posts are drafts until they are published.

Locks: ACCESS EXCLUSIVE on posts for an instant; without a default no row is touched.

Revision ID: b81e07c4f53d
Revises: 3f6b1c90d2aa
Create Date: 2027-01-11 14:30:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b81e07c4f53d"
down_revision = "3f6b1c90d2aa"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("published_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("posts", "published_at")
