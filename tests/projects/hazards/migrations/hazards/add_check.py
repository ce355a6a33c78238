"""A check of all rows."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.create_check_constraint("ck_lines_quantity", "lines", "quantity > 0")
