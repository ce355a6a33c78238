"""All rows are changed at once."""

from __future__ import annotations

from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    op.execute("UPDATE customers SET points = points + 1")
