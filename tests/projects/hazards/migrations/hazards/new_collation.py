"""An index is sorted otherwise."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.execute('ALTER TABLE orders ALTER COLUMN country TYPE text COLLATE "POSIX"')
