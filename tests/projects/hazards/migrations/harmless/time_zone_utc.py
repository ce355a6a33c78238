"""A time gets a time zone, and is known to be in UTC."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.execute("SET LOCAL timezone = 'UTC'")
    op.alter_column("customers", "created_at", type_=sa.DateTime(timezone=True))
