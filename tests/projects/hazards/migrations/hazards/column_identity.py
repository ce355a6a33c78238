"""A new identity column."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.add_column("lines", sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False))
