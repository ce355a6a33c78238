"""An invalid index would be taken for a finished one."""

from __future__ import annotations

from alembic import op

expected = "index-if-not-exists"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (country)")
