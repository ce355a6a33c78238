"""A check of a domain, whose tables are read."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-writes"


def upgrade() -> None:
    op.execute("ALTER DOMAIN price ADD CONSTRAINT positive CHECK (VALUE > 0)")
