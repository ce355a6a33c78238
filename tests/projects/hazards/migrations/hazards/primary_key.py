"""A table gets a primary key."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.create_primary_key("pk_lines", "lines", ["order_id", "product"])
