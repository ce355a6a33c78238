"""A column whose default is the time of the revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.add_column("orders", sa.Column("at", sa.DateTime, server_default=sa.func.now()))
