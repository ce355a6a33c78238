"""An id becomes larger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.alter_column("orders", "legacy_id", type_=sa.BigInteger)
