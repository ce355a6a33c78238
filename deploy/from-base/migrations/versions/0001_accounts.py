"""Accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy_utils import EmailType

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", EmailType, nullable=False, unique=True),
    )


def downgrade() -> None:
    op.drop_table("account")
