"""A function of the database builds indexes."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    op.execute("SELECT index_all(ARRAY['customers', 'orders'])")
