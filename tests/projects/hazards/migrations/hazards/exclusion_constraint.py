"""Orders do not overlap."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD EXCLUDE USING gist (during WITH &&)")
