"""NOT VALID is of no use if the lock is held while the rows are read."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE lines ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID")
    op.execute("ALTER TABLE lines VALIDATE CONSTRAINT c")
