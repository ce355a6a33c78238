"""Rows are read for a loop in Python, whose body does not run on an empty table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN region text")
    for (number,) in op.get_bind().execute(sa.text("SELECT id FROM orders")):
        op.execute(f"UPDATE orders SET region = 'x' WHERE id = {number}")
