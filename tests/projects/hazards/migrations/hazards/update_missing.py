"""All rows without a value are changed at once."""

from __future__ import annotations

from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    op.execute("UPDATE orders SET country = 'DE' WHERE country IS NULL")
