"""All rows are deleted."""

from __future__ import annotations

from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    op.execute("DELETE FROM lines")
