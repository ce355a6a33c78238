"""A block in an autocommit block."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DO $$ BEGIN ALTER TABLE lines ALTER quantity TYPE bigint; END $$")
