"""A text without a limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.alter_column("customers", "phone", type_=sa.Text)
