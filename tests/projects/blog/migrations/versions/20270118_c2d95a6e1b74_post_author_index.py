"""Posts are found by author.

Locks: SHARE UPDATE EXCLUSIVE on posts while the index is built, which blocks neither reads nor
writes.

Revision ID: c2d95a6e1b74
Revises: 4a7f3e58c016
Create Date: 2027-01-18 10:05:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "c2d95a6e1b74"
down_revision = "4a7f3e58c016"
branch_labels = None
depends_on = None

INDEX = "ix_posts_author_id"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "posts", postgresql_concurrently=True, if_exists=True)
        op.create_index(INDEX, "posts", ["author_id"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "posts", postgresql_concurrently=True, if_exists=True)
