"""A block that commits rewrites a table."""

from __future__ import annotations

from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DO $$ BEGIN ALTER TABLE lines ALTER quantity TYPE bigint; COMMIT; END $$")
