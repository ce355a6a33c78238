"""Rows are read before the lock is taken, and one is looked for afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.get_bind().execute(sa.text("SELECT id FROM orders")).all()
    op.execute("ALTER TABLE orders ADD COLUMN region text")
    op.get_bind().execute(sa.text("SELECT max(id) FROM orders")).all()
