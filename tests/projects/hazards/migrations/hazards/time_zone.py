"""A time gets a time zone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "time-zone-rewrite"


def upgrade() -> None:
    op.alter_column("customers", "created_at", type_=sa.DateTime(timezone=True))
