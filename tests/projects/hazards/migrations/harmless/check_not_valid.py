"""A check of new rows."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute("ALTER TABLE lines ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID")
