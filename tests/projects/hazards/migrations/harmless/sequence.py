"""A sequence gets a new file when it is changed."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER SEQUENCE customers_id_seq AS bigint RESTART WITH 1000")
