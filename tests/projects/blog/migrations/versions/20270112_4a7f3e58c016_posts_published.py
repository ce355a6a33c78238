"""The posts from before there were drafts are published.

Locks: the rows of one batch at a time, never the table.

Revision ID: 4a7f3e58c016
Revises: b81e07c4f53d
Create Date: 2027-01-12 08:55:00+00:00
"""

from __future__ import annotations

from migration_runner.api import update_in_batches

revision = "4a7f3e58c016"
down_revision = "b81e07c4f53d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    update_in_batches("posts", "published_at = now()", where="published_at IS NULL")


def downgrade() -> None:
    pass
