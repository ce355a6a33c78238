"""A materialized view is filled again."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    op.execute("REFRESH MATERIALIZED VIEW totals")
